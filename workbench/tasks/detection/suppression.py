"""Non-maximum suppression within each class, vectorised."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST_BLOCK, LARGEST_BLOCK = 32, 256
"""Candidates that are compared with each other at once: few at first, since most images have their boxes after one or two blocks."""


def suppress(
    boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any], *, max_iou: float, limit: int | None = None,
    pixels: float = 0.0,
) -> NDArray[np.intp]:  # fmt: skip
    """Indices of the boxes that stay, best score first: at most `limit`, as if it was applied after all classes were done.

    `boxes` [n, 4] (x1, y1, x2, y2), finite; `scores` [n]; `classes` [n]. A box goes when its overlap with a better one of its class
    that stays is not at most `max_iou`. Equal scores go by class, then by index. `pixels`: see `overlaps`.
    """
    order = np.lexsort((classes, -scores))
    limit = len(order) if limit is None else limit
    kept: NDArray[np.intp] = order[:0]
    start, size = 0, FIRST_BLOCK
    while start < len(order) and len(kept) < limit:
        block = order[start : start + size]
        start, size = start + size, min(2 * size, LARGEST_BLOCK)
        block = block[~_covered(boxes, classes, block, kept, max_iou, pixels).any(axis=1)]
        covered = _covered(boxes, classes, block, block, max_iou, pixels)
        stays = np.ones(len(block), bool)
        for row in range(len(block)):
            if stays[row]:
                stays[row + 1 :] &= ~covered[row + 1 :, row]
        kept = np.concatenate([kept, block[stays]])
    return kept[:limit]


def overlaps(first: NDArray[Any], second: NDArray[Any], *, pixels: float = 0.0) -> NDArray[Any]:
    """Intersection over union of boxes [n, 4] and [m, 4] (x1, y1, x2, y2): [n, m].

    `pixels` is 1 where a box includes its last pixel (Paddle's `normalized: false`). A box whose corners are swapped has no
    area; two boxes without area have 0, or at one place 0 / 0, which is not a number.
    """
    width = np.minimum(first[:, 2, None], second[None, :, 2]) - np.maximum(first[:, 0, None], second[None, :, 0])
    height = np.minimum(first[:, 3, None], second[None, :, 3]) - np.maximum(first[:, 1, None], second[None, :, 1])
    inside = _area(width, height, pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: NDArray[Any] = inside / (areas(first, pixels)[:, None] + areas(second, pixels)[None, :] - inside)
    shares[(width < 0) | (height < 0)] = 0  # without area, boxes apart from each other have 0 / 0 too
    return shares


def areas(boxes: NDArray[Any], pixels: float = 0.0) -> NDArray[Any]:
    """Areas of boxes [n, 4]: [n]."""
    return _area(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1], pixels)


def _area(width: NDArray[Any], height: NDArray[Any], pixels: float) -> NDArray[Any]:
    """Width times height; 0 where one of them is negative."""
    one = width.dtype.type(pixels)
    area: NDArray[Any] = (width + one) * (height + one)
    area[(width < 0) | (height < 0)] = 0
    return area


def _covered(
    boxes: NDArray[Any], classes: NDArray[Any], block: NDArray[Any], others: NDArray[Any], max_iou: float, pixels: float
) -> NDArray[Any]:
    """Whether each box of `block` overlaps each of `others` too much, as bool [block, others]."""
    same = classes[block][:, None] == classes[others][None, :]
    covered: NDArray[Any] = same & ~(overlaps(boxes[block], boxes[others], pixels=pixels) <= boxes.dtype.type(max_iou))
    return covered
