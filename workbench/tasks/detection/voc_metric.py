"""Pascal VOC's average precision at overlap 0.5, as its development kit defines it (VOC2007: read at 11 recalls; VOC2010 on: the area)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.tasks.detection.matches import ImageMatches, MatchedImages
from workbench.tasks.detection.suppression import overlaps

OVERLAP = 0.5
RECALLS = np.linspace(0, 1, 11)


class VocMetric:
    """Mean average precision over the classes, of the same images again and again; boxes marked difficult neither count nor harm."""

    def __init__(self) -> None:
        self._images = MatchedImages(lambda pairs: [match(*pair) for pair in pairs])

    def __call__(self, predictions: Sequence[Any], truths: Sequence[Any]) -> tuple[float, float]:
        """By the area under the curve, and read at 11 recalls, in percent; NaN when the truth is empty."""
        found = self._images.curves(predictions, truths)
        if not found:
            return float("nan"), float("nan")
        area = float(np.mean([curves.area() for curves in found]))
        return 100 * area, 100 * float(np.mean([curves.at(RECALLS) for curves in found]))


def match(prediction: Any, truth: Any) -> list[ImageMatches]:
    """The matches of one image, by class."""
    rows = np.array(prediction["boxes"] if isinstance(prediction, dict) else prediction, np.float64).reshape(-1, 6)
    wanted = np.array(truth["boxes"], np.float64).reshape(-1, 5)
    difficult = np.array(truth.get("difficult") or [0] * len(wanted), bool)
    labels = np.union1d(rows[:, 0], wanted[:, 0]).astype(int).tolist()
    return [
        _matched(label, rows[rows[:, 0] == label], wanted[wanted[:, 0] == label, 1:], difficult[wanted[:, 0] == label])
        for label in labels
    ]


def _matched(label: int, rows: NDArray[Any], wanted: NDArray[Any], difficult: NDArray[np.bool_]) -> ImageMatches:
    """Best score first, each box goes to the wanted one that it overlaps most; a second one for the same is wrong."""
    rows = rows[np.argsort(-rows[:, 1], kind="stable")]
    shares = np.nan_to_num(overlaps(rows[:, 2:], wanted))
    right, wrong, taken = np.zeros(len(rows), bool), np.zeros(len(rows), bool), np.zeros(len(wanted), bool)
    for index, row in enumerate(shares):
        best = int(np.argmax(row)) if len(row) else -1
        if best < 0 or not row[best] >= OVERLAP:
            wrong[index] = True
        elif not difficult[best]:
            right[index], wrong[index] = not taken[best], taken[best]
            taken[best] = True
    return ImageMatches(label, rows[:, 1], right[np.newaxis], wrong[np.newaxis], int((~difficult).sum()))
