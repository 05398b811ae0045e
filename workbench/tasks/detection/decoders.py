"""From a detector's raw outputs to its candidates: boxes with one class and score each.

Layouts are those of the published exports: YOLOv5 (6.0), YOLOv6 and YOLOv7 give [1, n, 5 + classes] with the box's centre and size, the
score that there is an object and those of the classes; PP-YOLOE gives boxes [1, n, 4] and scores [1, classes, n].
"""

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.tasks.base import Outputs

MAX_CANDIDATES = 30_000
"""Best first; YOLOv5 takes as many into its suppression."""


class Decoder(StrEnum):
    """What a detector's outputs hold."""

    YOLOV5 = "yolov5"
    """Every class above the threshold makes a candidate of its own."""
    YOLOV6 = "yolov6"
    """The likeliest class of each box makes a candidate."""
    YOLOV7 = "yolov7"
    """As YOLOv6."""
    PPYOLOE = "ppyoloe"
    """Boxes and scores, before suppression."""
    NMS_INSIDE = "nms_inside"
    """Rows [class, score, x1, y1, x2, y2] and their number: the network ends in its own suppression."""


class Candidates(NamedTuple):
    """Boxes float [n, 4] (x1, y1, x2, y2), scores float [n] and classes int64 [n], all finite, and the output's row of each, int64 [n]."""

    boxes: NDArray[Any]
    scores: NDArray[Any]
    classes: NDArray[np.int64]
    rows: NDArray[np.int64]

    def part(self, chosen: NDArray[Any] | slice) -> "Candidates":
        """Some of them: by index, by a mask or by a slice."""
        return Candidates(self.boxes[chosen], self.scores[chosen], self.classes[chosen], self.rows[chosen])


def decode_yolo(outputs: Outputs, *, min_score: float, multi_label: bool) -> Candidates:
    """Candidates of one image above `min_score`, at most 30,000, of YOLO's one output [1, n, 5 + classes]."""
    found = next((o for o in outputs.values() if o.ndim == 3 and o.shape[0] == 1 and o.shape[2] > 5), None)
    if found is None:
        raise _wrong(outputs, "[1, n, 5 + classes]")
    likely = np.flatnonzero(found[0][:, 4] > min_score)
    likely = likely[np.isfinite(found[0][likely, :4]).all(axis=1)]
    values = found[0][likely]
    scores = values[:, 5:] * values[:, 4:5]
    if multi_label:
        row, classes = np.nonzero(scores > min_score)
    else:
        row, classes = np.arange(len(values)), _likeliest(scores)
    candidates = Candidates(_corners(values[row, :4]), scores[row, classes], classes.astype(np.int64), likely[row])
    return best(_usable(candidates, min_score))


def decode_boxes_and_scores(outputs: Outputs, *, min_score: float) -> Candidates:
    """Candidates of one image above `min_score`, at most 30,000, of boxes [1, n, 4] and scores [1, classes, n], in either order."""
    boxes, scores = boxes_and_scores(outputs)
    classes, row = np.nonzero(scores > min_score)
    candidates = Candidates(boxes[row], scores[classes, row], classes.astype(np.int64), row)
    return best(_usable(candidates, min_score))


def boxes_and_scores(outputs: Outputs) -> tuple[NDArray[Any], NDArray[Any]]:
    """The boxes [n, 4] and scores [classes, n] among the outputs, told apart by their shapes; raises InputError."""
    arrays = [output for output in outputs.values() if output.ndim == 3 and output.shape[0] == 1]
    for boxes in arrays:
        for scores in arrays:
            if scores is not boxes and boxes.shape[2] == 4 and scores.shape[2] == boxes.shape[1]:
                return boxes[0], scores[0]
    raise _wrong(outputs, "boxes [1, n, 4] and scores [1, classes, n]")


def decode_rows(outputs: Outputs, *, min_score: float) -> Candidates:
    """The rows [n, 6] (class, score, x1, y1, x2, y2) that a network with its own suppression gives, those above `min_score`.

    Where there is nothing, Paddle gives one row of class -1.
    """
    rows = _rows(outputs)
    real = np.flatnonzero(rows[:, 0] >= 0)
    candidates = Candidates(rows[real, 2:], rows[real, 1], rows[real, 0].astype(np.int64), real)
    return _usable(candidates, min_score)


def row_count(outputs: Outputs) -> int:
    """How many rows a network with its own suppression gives."""
    return len(_rows(outputs))


def best(candidates: Candidates, limit: int = MAX_CANDIDATES) -> Candidates:
    """The `limit` best of them, in their own order."""
    if len(candidates.scores) <= limit:
        return candidates
    return candidates.part(np.sort(np.argpartition(-candidates.scores, limit)[:limit]))


def _rows(outputs: Outputs) -> NDArray[Any]:
    rows = next((o for o in outputs.values() if o.ndim == 2 and o.shape[1] == 6 and o.dtype.kind == "f"), None)
    if rows is None:
        raise _wrong(outputs, "rows [n, 6]")
    return rows


def _usable(candidates: Candidates, min_score: float) -> Candidates:
    finite = np.isfinite(candidates.boxes).all(axis=1) & np.isfinite(candidates.scores)
    return candidates.part(finite & (candidates.scores > min_score))


def _likeliest(scores: NDArray[Any]) -> NDArray[Any]:
    """The class of each row; a class whose score is not a number is never it."""
    chosen: NDArray[Any] = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    return chosen


def _corners(centred: NDArray[Any]) -> NDArray[Any]:
    """Boxes [n, 4] (x, y, width, height) by their centre as (x1, y1, x2, y2)."""
    halves = centred[:, 2:] / 2
    corners: NDArray[Any] = np.hstack([centred[:, :2] - halves, centred[:, :2] + halves])
    return corners


def _wrong(outputs: Outputs, wanted: str) -> InputError:
    shapes = ", ".join(f"{name} {list(output.shape)}" for name, output in outputs.items())
    return InputError(f"task.options.decoder: it needs {wanted}, and the model gives {shapes}; name another decoder")
