"""YOLOv7 (Wang et al., 2022, arXiv 2207.02696) as it is deployed: its re-parameterised convolutions are plain ones."""

from typing import Any

import paddle
from paddle import nn

from workbench.models.architectures.layers import AnchorHead, Conv, upsampled

ANCHORS = (
    ((12, 16), (19, 36), (40, 28)),
    ((36, 75), (76, 55), (72, 146)),
    ((142, 110), (192, 243), (459, 401)),
)


class Aggregation(nn.Layer):
    """Two 1x1 branches of `width`, four 3x3 convolutions of `inner` after one of them, and some of all joined (E-ELAN).

    `dense` joins every convolution, as the head does; otherwise every second one, as the backbone does.
    """

    def __init__(self, inputs: int, width: int, inner: int, outputs: int, *, dense: bool) -> None:
        super().__init__()
        self.past, self.start = Conv(inputs, width), Conv(inputs, width)
        self.chain = nn.LayerList([Conv(width if index == 0 else inner, inner, 3) for index in range(4)])
        self.dense = dense
        self.join = Conv(2 * width + (4 if dense else 2) * inner, outputs)

    def forward(self, x: Any) -> Any:
        """[n, inputs, h, w] to [n, outputs, h, w]."""
        found = [self.past(x), self.start(x)]
        for layer in self.chain:
            found.append(layer(found[-1]))
        joined = found if self.dense else [*found[:2], *found[3::2]]
        return self.join(paddle.concat(joined[::-1], axis=1))


class Halving(nn.Layer):
    """Half the height and width, by a maximum and by a strided convolution side by side; gives 2 * `width` channels."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.pooled = nn.Sequential(nn.MaxPool2D(2, 2), Conv(inputs, width))
        self.strided = nn.Sequential(Conv(inputs, width), Conv(width, width, 3, 2))

    def forward(self, x: Any) -> Any:
        """[n, inputs, h, w] to [n, 2 * width, h / 2, w / 2]."""
        return paddle.concat([self.strided(x), self.pooled(x)], axis=1)


class PooledPyramid(nn.Layer):
    """Maxima over 5, 9 and 13 cells on one of two branches (SPPCSPC)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.before = nn.Sequential(Conv(inputs, outputs), Conv(outputs, outputs, 3), Conv(outputs, outputs))
        self.pools = nn.LayerList([nn.MaxPool2D(size, 1, size // 2) for size in (5, 9, 13)])
        self.after = nn.Sequential(Conv(4 * outputs, outputs), Conv(outputs, outputs, 3))
        self.past = Conv(inputs, outputs)
        self.join = Conv(2 * outputs, outputs)

    def forward(self, x: Any) -> Any:
        """[n, inputs, h, w] to [n, outputs, h, w]."""
        start = self.before(x)
        deep = self.after(paddle.concat([start, *(pool(start) for pool in self.pools)], axis=1))
        return self.join(paddle.concat([deep, self.past(x)], axis=1))


class YoloV7(nn.Layer):
    """36.9 M parameters; [n, 3, h, w] to [n, 25200 at 640 px, 85]."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.to_fine = nn.Sequential(
            Conv(3, 32, 3),
            Conv(32, 64, 3, 2),
            Conv(64, 64, 3),
            Conv(64, 128, 3, 2),
            Aggregation(128, 64, 64, 256, dense=False),
            Halving(256, 128),
            Aggregation(256, 128, 128, 512, dense=False),
        )
        self.to_middle = nn.Sequential(Halving(512, 256), Aggregation(512, 256, 256, 1024, dense=False))
        self.to_coarse = nn.Sequential(
            Halving(1024, 512), Aggregation(1024, 256, 256, 1024, dense=False), PooledPyramid(1024, 512)
        )
        self.up_middle, self.side_middle = Conv(512, 256), Conv(1024, 256)
        self.between = Aggregation(512, 256, 128, 256, dense=True)
        self.up_fine, self.side_fine = Conv(256, 128), Conv(512, 128)
        self.fine = Aggregation(256, 128, 64, 128, dense=True)
        self.down_middle = Halving(128, 128)
        self.middle = Aggregation(512, 256, 128, 256, dense=True)
        self.down_coarse = Halving(256, 256)
        self.coarse = Aggregation(1024, 512, 256, 512, dense=True)
        self.last = nn.LayerList([Conv(channels, 2 * channels, 3) for channels in (128, 256, 512)])
        self.head = AnchorHead((256, 512, 1024), ANCHORS, size=(height, width))

    def forward(self, x: Any) -> Any:
        """Boxes and scores before NMS."""
        fine = self.to_fine(x)
        middle = self.to_middle(fine)
        top = self.to_coarse(middle)
        between = self.between(paddle.concat([self.side_middle(middle), upsampled(self.up_middle(top))], axis=1))
        fine = self.fine(paddle.concat([self.side_fine(fine), upsampled(self.up_fine(between))], axis=1))
        middle = self.middle(paddle.concat([self.down_middle(fine), between], axis=1))
        coarse = self.coarse(paddle.concat([self.down_coarse(middle), top], axis=1))
        maps = (fine, middle, coarse)
        return self.head([layer(maps[index]) for index, layer in enumerate(self.last)])


def yolov7(images: tuple[int, ...]) -> Any:
    """YOLOv7 for images of a shape [n, 3, h, w]; both sides are multiples of 32."""
    return YoloV7(images[2], images[3])
