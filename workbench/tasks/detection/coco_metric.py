"""COCO's mean average precision: pycocotools matches boxes to the truth, image by image; its curves are then drawn here.

Matching is slow and does not depend on the other images; curves are quick and do. The bootstrap asks for the metric of the same images in
some hundred other mixtures, so matches are kept, and an image that occurs twice is one with weight 2.
"""

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""The overlaps from which on a box counts as found; the metric is the mean over them."""
RECALLS = np.linspace(0, 1, 101)
"""Where the precision-recall curve is read."""
MAX_BOXES = 100
"""Of an image that count, best first."""


@dataclass(frozen=True)
class ClassMatches:
    """All boxes of one class that were found, best score first: which image, and for each threshold whether it is right, or to be left out."""

    images: NDArray[np.intp]
    right: NDArray[np.bool_]  # [thresholds, boxes]
    wrong: NDArray[np.bool_]
    wanted: NDArray[np.float64]  # boxes in the truth, by image

    def precision(self, weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Interpolated precision [thresholds, recalls] of the images, each as often as its weight says; None without truth."""
        wanted = float(self.wanted @ weights)
        if not wanted:
            return None
        counts = weights[self.images]
        right, wrong = (np.cumsum(kind * counts, axis=1) for kind in (self.right, self.wrong))
        precision = right / np.maximum(right + wrong, np.spacing(1))
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        padded = np.pad(envelope, ((0, 0), (0, 1)))  # beyond the last recall that is reached, precision is 0
        reached = [np.searchsorted(row / wanted, RECALLS, side="left") for row in right]
        return np.take_along_axis(padded, np.array(reached), axis=1)


class CocoMetric:
    """mAP of boxes or masks (`kind`: "bbox" or "segm"), of the same images again and again.

    Predictions and truths are told apart as objects: they must not change once they were given.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._known: dict[tuple[int, int], int] = {}
        self._pairs: list[tuple[Any, Any]] = []  # held, so that no other object takes their place in memory
        self._matched: list[dict[str, Any]] = []
        self._classes: list[ClassMatches] = []

    def __call__(self, predictions: Sequence[Any], truths: Sequence[Any]) -> tuple[float, float]:
        """Mean precision over the overlaps 0.50 to 0.95, and at 0.50, in percent, of all classes in the truth; NaN if there is none."""
        numbers = self._numbers(list(zip(predictions, truths, strict=True)))
        weights = np.bincount(numbers, minlength=len(self._pairs)).astype(np.float64)
        curves = [curve for matches in self._classes if (curve := matches.precision(weights)) is not None]
        if not curves:
            return float("nan"), float("nan")
        return 100 * float(np.mean(curves)), 100 * float(np.mean([curve[0] for curve in curves]))

    def _numbers(self, pairs: list[tuple[Any, Any]]) -> list[int]:
        keys = [(id(prediction), id(truth)) for prediction, truth in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        if new:
            first = len(self._pairs)
            self._known |= {key: first + offset for offset, key in enumerate(new)}
            self._pairs += new.values()
            self._matched += match(list(new.values()), kind=self._kind, first=first)
            self._classes = merge(self._matched, images=len(self._pairs))
        return [self._known[key] for key in keys]


def match(pairs: Sequence[tuple[Any, Any]], *, kind: str, first: int = 0) -> list[dict[str, Any]]:
    """pycocotools' results by class and image; images are numbered from `first`."""
    from pycocotools.cocoeval import COCOeval

    images = range(first, first + len(pairs))
    found = [box for image, (prediction, _) in zip(images, pairs, strict=True) for box in _found(image, prediction)]
    wanted = [box for image, (_, truth) in zip(images, pairs, strict=True) for box in _wanted(image, truth, kind)]
    evaluator = COCOeval(iouType=kind)
    evaluator.params.imgIds = list(images)
    evaluator.params.catIds = sorted({box["category_id"] for box in found + wanted})
    evaluator.params.iouThrs = THRESHOLDS
    evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, float("inf")]], ["all"]
    evaluator.params.maxDets = [MAX_BOXES]
    with redirect_stdout(io.StringIO()):
        evaluator.cocoGt, evaluator.cocoDt = _coco(wanted, pairs, images), _coco(found, pairs, images)
        evaluator.evaluate()
    return [result for result in evaluator.evalImgs if result is not None]


def merge(matched: Iterable[dict[str, Any]], *, images: int) -> list[ClassMatches]:
    """The matches of all images by class, in the order in which pycocotools draws its curves."""
    by_class: dict[int, list[dict[str, Any]]] = {}
    for result in matched:
        by_class.setdefault(result["category_id"], []).append(result)
    return [_merged(results, images) for _, results in sorted(by_class.items())]


def _merged(results: list[dict[str, Any]], images: int) -> ClassMatches:
    scores = np.concatenate([result["dtScores"] for result in results])
    order = np.argsort(-scores, kind="stable")
    image = np.repeat([result["image_id"] for result in results], [len(result["dtScores"]) for result in results])
    hit = np.concatenate([result["dtMatches"] for result in results], axis=1)[:, order] > 0
    left_out = np.concatenate([result["dtIgnore"] for result in results], axis=1)[:, order].astype(bool)
    wanted = np.zeros(images)
    for result in results:
        wanted[result["image_id"]] = np.count_nonzero(np.asarray(result["gtIgnore"]) == 0)
    return ClassMatches(image[order].astype(np.intp), hit & ~left_out, ~hit & ~left_out, wanted)


def _found(image: int, prediction: Any) -> list[dict[str, Any]]:
    rows, masks = (prediction["boxes"], prediction["masks"]) if isinstance(prediction, dict) else (prediction, None)
    boxes = [
        {"image_id": image, "category_id": int(kind), "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for kind, score, x1, y1, x2, y2 in rows
    ]
    return boxes if masks is None else [box | {"segmentation": m} for box, m in zip(boxes, masks, strict=True)]


def _wanted(image: int, truth: Any, kind: str) -> list[dict[str, Any]]:
    crowd = truth.get("crowd") or [0] * len(truth["boxes"])
    boxes = [
        {"image_id": image, "category_id": int(label), "iscrowd": int(many), "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for (label, x1, y1, x2, y2), many in zip(truth["boxes"], crowd, strict=True)
    ]
    if kind == "bbox":
        return boxes
    return [box | {"segmentation": mask} for box, mask in zip(boxes, truth["masks"], strict=True)]


def _coco(boxes: list[dict[str, Any]], pairs: Sequence[tuple[Any, Any]], images: Iterable[int]) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [
            {"id": image, "width": truth["width"], "height": truth["height"]}
            for image, (_, truth) in zip(images, pairs, strict=True)
        ],
        "categories": [{"id": label} for label in sorted({box["category_id"] for box in boxes})],
        "annotations": [
            # From 1: COCOeval takes number 0 for "not matched".
            {"iscrowd": 0, "area": box["bbox"][2] * box["bbox"][3], **box, "id": number}
            for number, box in enumerate(boxes, start=1)
        ],
    }
    coco.createIndex()
    return coco
