"""Layers that several networks here are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import nn

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three maps that a YOLO detects on."""


class Conv(nn.Sequential):
    """Convolution without bias, batch normalization, activation (None: none); keeps the size but for the stride.

    A reparameterised block (RepVGG, Ding et al., 2021) in its deployed form is one of these whose normalization was folded.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int = 1,
        stride: int = 1,
        *,
        padding: int | None = None,
        act: Any = nn.Silu,
    ) -> None:
        padding = size // 2 if padding is None else padding
        convolution = nn.Conv2D(inputs, outputs, size, stride, padding, bias_attr=False)
        super().__init__(convolution, nn.BatchNorm2D(outputs), *([act()] if act else []))


def upsampled(x: Any) -> Any:
    """A map with every cell doubled in height and width."""
    return nn.functional.interpolate(x, scale_factor=2, mode="nearest")


def cells(height: int, width: int) -> NDArray[np.float32]:
    """Column and row of every cell of the three maps for an input of such a size, finest first: [cells, 2]."""
    grids = [np.meshgrid(np.arange(width // stride), np.arange(height // stride)) for stride in STRIDES]
    found: NDArray[np.float32] = np.concatenate([np.stack(grid, axis=-1).reshape(-1, 2) for grid in grids])
    return found.astype(np.float32)


def strides(height: int, width: int) -> NDArray[np.float32]:
    """The stride of every cell's map: [cells, 1]."""
    counts = [(height // stride) * (width // stride) for stride in STRIDES]
    return np.repeat(np.array(STRIDES, np.float32), counts)[:, None]


class AnchorHead(nn.Layer):
    """The head of YOLOv5 and YOLOv7: three boxes a cell, decoded to [n, 3 * cells, 5 + classes] of x, y, w, h in pixels and scores.

    `anchors`: for each map, finest first, the width and height of its three boxes in pixels. Decoding: ultralytics' YOLOv5, as
    published with its ONNX export; x, y = (2 s - 0.5 + cell) * stride, w, h = (2 s)^2 * anchor, with s the sigmoid.
    """

    def __init__(
        self,
        channels: Sequence[int],
        anchors: Sequence[Sequence[tuple[int, int]]],
        *,
        size: tuple[int, int],
        classes: int = 80,
    ) -> None:
        super().__init__()
        self.width = classes + 5
        self.predict = nn.LayerList([nn.Conv2D(given, 3 * self.width, 1) for given in channels])
        counts = [(size[0] // stride) * (size[1] // stride) for stride in STRIDES]
        ends = np.cumsum(counts)[:-1]
        corners, scales = (np.split(values, ends) for values in (cells(*size) - 0.5, strides(*size)))
        # By map, then by anchor, then by cell, which is the order of `forward`.
        self._constant("offset", np.concatenate([np.tile(c * s, (3, 1)) for c, s in zip(corners, scales, strict=True)]))
        self._constant("stride", np.repeat(np.array(STRIDES, np.float32), [3 * count for count in counts])[:, None])
        boxes = [
            np.repeat(np.array(three, np.float32), count, axis=0) for three, count in zip(anchors, counts, strict=True)
        ]
        self._constant("anchor", np.concatenate(boxes))

    def _constant(self, name: str, value: NDArray[np.float32]) -> None:
        self.register_buffer(name, paddle.to_tensor(value[None].astype(np.float32)))

    def forward(self, maps: Sequence[Any]) -> Any:
        """The three feature maps, finest first."""
        raw = [predict(maps[index]) for index, predict in enumerate(self.predict)]
        rows = [
            one.reshape([-1, 3, self.width, one.shape[2] * one.shape[3]]).transpose([0, 1, 3, 2]).reshape(
                [-1, 3 * one.shape[2] * one.shape[3], self.width]
            )
            for one in raw
        ]  # fmt: skip
        found = nn.functional.sigmoid(paddle.concat(rows, axis=1))
        centre, size, scores = paddle.split(found, [2, 2, self.width - 4], axis=2)
        doubled = size * 2.0
        return paddle.concat(
            [centre * 2.0 * self.stride + self.offset, doubled * doubled * self.anchor, scores], axis=2
        )
