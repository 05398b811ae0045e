"""Seeing a large image through windows: where they lie, cutting them out, and putting their outputs together again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """Windows of one `size` that cover an input of `whole` pixels; pairs are (height, width).

    The last window of a row or column is moved back so that it ends with the input. An input smaller than a window is
    filled up below and to the right.
    """

    whole: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Top and left of each window, row by row."""
        rows, columns = (
            _starts(whole, size, stride) for whole, size, stride in zip(self.whole, self.size, self.stride, strict=True)
        )
        return [(top, left) for top in rows for left in columns]

    def cut(self, planes: NDArray[Any], *, fill: float = 0) -> NDArray[Any]:
        """The windows of an input [channels, height, width], as [windows, channels, height, width].

        What the input does not cover holds `fill`: after normalisation zero is grey, black or the like.
        """
        if self.size == self.whole:
            return planes[np.newaxis]
        corners = self.corners
        windows = np.full((len(corners), len(planes), *self.size), fill, planes.dtype)
        for window, (top, left) in zip(windows, corners, strict=True):
            seen = planes[:, top : top + self.size[0], left : left + self.size[1]]
            window[:, : seen.shape[1], : seen.shape[2]] = seen
        return windows

    def join_scores(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Scores [windows, classes, height, width] of the whole input, [classes, height, width]: means where windows overlap."""
        if len(scores) == 1:
            return scores[0, :, : self.whole[0], : self.whole[1]]
        total = np.zeros((scores.shape[1], *self.whole), scores.dtype)
        seen = np.zeros(self.whole, scores.dtype)
        for (here, inside), window in zip(self._places(), scores, strict=True):
            total[:, *here] += window[:, *inside]
            seen[here] += 1
        total /= seen
        return total

    def join_classes(self, classes: NDArray[Any]) -> NDArray[Any]:
        """Classes [windows, height, width] of the whole input, [height, width]: the later window's where windows overlap."""
        if len(classes) == 1:
            return classes[0, : self.whole[0], : self.whole[1]]
        joined = np.empty(self.whole, classes.dtype)
        for (here, inside), window in zip(self._places(), classes, strict=True):
            joined[here] = window[inside]
        return joined

    def _places(self) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """For each window: where it lies in the input, and which part of the window that is."""
        height, width = (min(size, whole) for size, whole in zip(self.size, self.whole, strict=True))
        for top, left in self.corners:
            yield (slice(top, top + height), slice(left, left + width)), (slice(height), slice(width))


def _starts(whole: int, size: int, stride: int) -> list[int]:
    return [*range(0, max(whole - size, 0), stride), max(whole - size, 0)]
