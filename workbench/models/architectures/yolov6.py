"""YOLOv6s (Li et al., 2022, arXiv 2209.02976) as it is deployed: every RepVGG block is one convolution with ReLU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
from paddle import nn

from workbench.models.architectures.layers import Conv, cells, strides

CLASSES = 80


def rep(inputs: int, outputs: int, stride: int = 1, *, size: int = 3) -> Conv:
    """A convolution with ReLU."""
    return Conv(inputs, outputs, size, stride, act=nn.ReLU)


def stage(inputs: int, outputs: int, depth: int) -> Any:
    """As many 3x3 convolutions in a row."""
    return nn.Sequential(*(rep(inputs if index == 0 else outputs, outputs) for index in range(depth)))


class PooledPyramid(nn.Layer):
    """Three 5x5 maxima one after another, all joined, with ReLU (SimSPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = rep(channels, channels // 2, size=1)
        self.pool = nn.MaxPool2D(5, 1, 2)
        self.join = rep(2 * channels, channels, size=1)

    def forward(self, x: Any) -> Any:
        """Keeps the shape."""
        found = [self.reduce(x)]
        for _ in range(3):
            found.append(self.pool(found[-1]))
        return self.join(paddle.concat(found, axis=1))


class Branches(nn.Layer):
    """The decoupled head of one map: class scores [n, 80, cells] and distances to the box's sides [n, 4, cells]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = Conv(channels, channels)
        self.classes = nn.Sequential(Conv(channels, channels, 3), nn.Conv2D(channels, CLASSES, 1))
        self.sides = nn.Sequential(Conv(channels, channels, 3), nn.Conv2D(channels, 4, 1))

    def forward(self, x: Any) -> tuple[Any, Any]:
        """One feature map."""
        x = self.stem(x)
        count = x.shape[2] * x.shape[3]
        scores = nn.functional.sigmoid(self.classes(x))
        return scores.reshape([-1, CLASSES, count]), self.sides(x).reshape([-1, 4, count])


class YoloV6s(nn.Layer):
    """17.2 M parameters; [n, 3, h, w] to [n, 8400 at 640 px, 85] of x, y, w, h in pixels, 1, and scores."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.to_fine = nn.Sequential(
            rep(3, 32, 2), rep(32, 64, 2), stage(64, 64, 2), rep(64, 128, 2), stage(128, 128, 4)
        )
        self.to_middle = nn.Sequential(rep(128, 256, 2), stage(256, 256, 6))
        self.to_coarse = nn.Sequential(rep(256, 512, 2), stage(512, 512, 2), PooledPyramid(512), rep(512, 128, size=1))
        self.up_middle = nn.Conv2DTranspose(128, 128, 2, 2)
        self.between = nn.Sequential(stage(384, 128, 4), rep(128, 64, size=1))
        self.up_fine = nn.Conv2DTranspose(64, 64, 2, 2)
        self.fine = stage(192, 64, 4)
        self.down_middle = rep(64, 64, 2)
        self.middle = stage(128, 128, 4)
        self.down_coarse = rep(128, 128, 2)
        self.coarse = stage(256, 256, 4)
        self.heads = nn.LayerList([Branches(channels) for channels in (64, 128, 256)])
        centres, scale = cells(height, width) + 0.5, strides(height, width)
        self.register_buffer("centre", paddle.to_tensor((centres * scale)[None]))
        self.register_buffer("stride", paddle.to_tensor(scale[None]))
        self.register_buffer("certain", paddle.to_tensor(np.ones((1, len(scale), 1), np.float32)))

    def forward(self, x: Any) -> Any:
        """Boxes and scores before NMS."""
        fine = self.to_fine(x)
        middle = self.to_middle(fine)
        top = self.to_coarse(middle)
        between = self.between(paddle.concat([self.up_middle(top), middle], axis=1))
        fine = self.fine(paddle.concat([self.up_fine(between), fine], axis=1))
        middle = self.middle(paddle.concat([self.down_middle(fine), between], axis=1))
        coarse = self.coarse(paddle.concat([self.down_coarse(middle), top], axis=1))
        maps = (fine, middle, coarse)
        return self._decoded([head(maps[index]) for index, head in enumerate(self.heads)])

    def _decoded(self, found: Sequence[tuple[Any, Any]]) -> Any:
        scores = paddle.concat([one[0] for one in found], axis=2).transpose([0, 2, 1])
        sides = paddle.concat([one[1] for one in found], axis=2).transpose([0, 2, 1])
        before, after = paddle.split(sides * self.stride, 2, axis=2)
        centre = self.centre + (after - before) * 0.5
        # A column of ones for every image of the batch: there is no score of a box being there at all.
        certain = scores[:, :, :1] * 0.0 + self.certain
        return paddle.concat([centre, before + after, certain, scores], axis=2)


def yolov6s(images: tuple[int, ...]) -> Any:
    """YOLOv6s for images of a shape [n, 3, h, w]; both sides are multiples of 32."""
    return YoloV6s(images[2], images[3])
