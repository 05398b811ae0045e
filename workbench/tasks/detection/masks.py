"""Instance masks: from a network's output to COCO's run lengths, which json can hold and pycocotools compares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.tasks.base import Outputs

RunLengths = dict[str, Any]
"""{"size": [height, width], "counts": text}, as pycocotools has it."""
LEAST = 0.5
"""Of a pixel's value, for it to belong to the instance."""


def find_masks(outputs: Outputs, count: int) -> NDArray[Any]:
    """The masks [count, height, width] among the outputs of a network that gave `count` rows; raises InputError."""
    for output in outputs.values():
        if output.ndim == 4 and output.shape[1] == 1:
            output = output[:, 0]
        if output.ndim == 3 and output.shape[0] == count:
            return output
    shapes = ", ".join(f"{name} {list(output.shape)}" for name, output in outputs.items())
    raise InputError(
        f"task.options.masks: no output [{count}, height, width] among {shapes}; take `masks` out, or name another model"
    )


def image_masks(masks: NDArray[Any], boxes: NDArray[Any], *, size: tuple[int, int]) -> list[RunLengths]:
    """Run lengths of masks [n, h, w] in an image of `size` (height, width).

    Masks of the image's own size are taken as they are; smaller ones fill their boxes [n, 4] (x1, y1, x2, y2), in image pixels.
    """
    if masks.shape[1:] == size:
        return [encode(mask > LEAST) for mask in masks]
    return [encode(paste(mask.astype(np.float32), box, size=size)) for mask, box in zip(masks, boxes, strict=True)]


def paste(mask: NDArray[np.float32], box: NDArray[Any], *, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Stretch a mask [h, w] over a box (x1, y1, x2, y2), linearly between the centres of its cells: bool of `size`."""
    import cv2

    plane = np.zeros(size, bool)
    x1, y1, x2, y2 = (float(value) for value in box)
    columns, rows = _pixels(x1, x2, size[1]), _pixels(y1, y2, size[0])
    if not len(columns) or not len(rows):
        return plane
    across = ((columns + 0.5 - x1) / (x2 - x1) * mask.shape[1] - 0.5).astype(np.float32)
    down = ((rows + 0.5 - y1) / (y2 - y1) * mask.shape[0] - 0.5).astype(np.float32)
    map_x, map_y = (np.ascontiguousarray(grid) for grid in np.meshgrid(across, down))
    values: NDArray[Any] = np.asarray(cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = values > LEAST
    return plane


def encode(mask: NDArray[np.bool_]) -> RunLengths:
    """Run lengths of one mask [height, width]."""
    from pycocotools import mask as run_lengths

    found: RunLengths = run_lengths.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"].decode("ascii")}


def _pixels(low: float, high: float, length: int) -> NDArray[np.int64]:
    """The pixels whose centres lie between two places, within a side of `length` pixels."""
    first, last = max(0, int(np.ceil(low - 0.5))), min(length, int(np.ceil(high - 0.5)))
    return np.arange(first, max(first, last))
