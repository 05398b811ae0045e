"""YOLOv5s, release 6 and later: its published layer table at depth 0.33 and width 0.5 (github.com/ultralytics/yolov5)."""

from typing import Any

import paddle
from paddle import nn

from workbench.models.architectures.layers import AnchorHead, Conv, upsampled

ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)


class Bottleneck(nn.Layer):
    """1x1 and 3x3 convolution; with `add` the input is added to the result."""

    def __init__(self, channels: int, *, add: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(channels, channels), Conv(channels, channels, 3))
        self.add = add

    def forward(self, x: Any) -> Any:
        """Keeps the shape."""
        return x + self.body(x) if self.add else self.body(x)


class C3(nn.Layer):
    """Half of the channels through bottlenecks, half past them, both joined (cross stage partial, Wang et al., 2020)."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, add: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.deep = nn.Sequential(Conv(inputs, half), *(Bottleneck(half, add=add) for _ in range(depth)))
        self.past = Conv(inputs, half)
        self.join = Conv(2 * half, outputs)

    def forward(self, x: Any) -> Any:
        """[n, inputs, h, w] to [n, outputs, h, w]."""
        return self.join(paddle.concat([self.deep(x), self.past(x)], axis=1))


class PooledPyramid(nn.Layer):
    """Three 5x5 maxima one after another, all joined: the same as maxima over 5, 9 and 13 cells (SPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = Conv(channels, channels // 2)
        self.pool = nn.MaxPool2D(5, 1, 2)
        self.join = Conv(2 * channels, channels)

    def forward(self, x: Any) -> Any:
        """Keeps the shape."""
        found = [self.reduce(x)]
        for _ in range(3):
            found.append(self.pool(found[-1]))
        return self.join(paddle.concat(found, axis=1))


class YoloV5s(nn.Layer):
    """7.2 M parameters; [n, 3, h, w] to [n, 25200 at 640 px, 85]."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.to_fine = nn.Sequential(
            Conv(3, 32, 6, 2, padding=2), Conv(32, 64, 3, 2), C3(64, 64, 1), Conv(64, 128, 3, 2), C3(128, 128, 2)
        )
        self.to_middle = nn.Sequential(Conv(128, 256, 3, 2), C3(256, 256, 3))
        self.to_coarse = nn.Sequential(Conv(256, 512, 3, 2), C3(512, 512, 1), PooledPyramid(512), Conv(512, 256))
        self.up_middle = nn.Sequential(C3(512, 256, 1, add=False), Conv(256, 128))
        self.fine = C3(256, 128, 1, add=False)
        self.down_middle = Conv(128, 128, 3, 2)
        self.middle = C3(256, 256, 1, add=False)
        self.down_coarse = Conv(256, 256, 3, 2)
        self.coarse = C3(512, 512, 1, add=False)
        self.head = AnchorHead((128, 256, 512), ANCHORS, size=(height, width))

    def forward(self, x: Any) -> Any:
        """Boxes and scores before NMS."""
        fine = self.to_fine(x)
        middle = self.to_middle(fine)
        top = self.to_coarse(middle)
        between = self.up_middle(paddle.concat([upsampled(top), middle], axis=1))
        fine = self.fine(paddle.concat([upsampled(between), fine], axis=1))
        middle = self.middle(paddle.concat([self.down_middle(fine), between], axis=1))
        coarse = self.coarse(paddle.concat([self.down_coarse(middle), top], axis=1))
        return self.head([fine, middle, coarse])


def yolov5s(images: tuple[int, ...]) -> Any:
    """YOLOv5s for images of a shape [n, 3, h, w]; both sides are multiples of 32."""
    return YoloV5s(images[2], images[3])
