"""COCO's mean average precision: pycocotools matches boxes or masks with the truth, and the curves are read as it reads them."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from workbench.tasks.detection.matches import ImageMatches, MatchedImages, Pair

OVERLAPS = np.linspace(0.5, 0.95, 10)
"""From which on a box counts as found; the metric is the mean over them."""
RECALLS = np.linspace(0, 1, 101)
"""Where the precision-recall curve is read."""
MAX_BOXES = 100
"""Of an image that count, best first."""


class CocoMetric:
    """mAP of boxes or of masks (`kind`: "bbox" or "segm"), of the same images again and again."""

    def __init__(self, kind: str) -> None:
        self._images = MatchedImages(lambda pairs: match(pairs, kind=kind))

    def __call__(self, predictions: Sequence[Any], truths: Sequence[Any]) -> tuple[float, float]:
        """Mean precision over the overlaps 0.50 to 0.95, and at 0.50, in percent, of all classes in the truth; NaN if there is none."""
        read = [curves.at(RECALLS) for curves in self._images.curves(predictions, truths)]
        if not read:
            return float("nan"), float("nan")
        return 100 * float(np.mean(read)), 100 * float(np.mean([precision[0] for precision in read]))


def match(pairs: Sequence[Pair], *, kind: str) -> list[list[ImageMatches]]:
    """pycocotools' matches of each image, by class."""
    from pycocotools.cocoeval import COCOeval

    found = [box for image, (prediction, _) in enumerate(pairs) for box in _found(image, prediction)]
    wanted = [box for image, (_, truth) in enumerate(pairs) for box in _wanted(image, truth, kind)]
    evaluator = COCOeval(iouType=kind)
    evaluator.params.imgIds = list(range(len(pairs)))
    evaluator.params.catIds = sorted({box["category_id"] for box in found + wanted})
    evaluator.params.iouThrs = OVERLAPS
    evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, float("inf")]], ["all"]
    evaluator.params.maxDets = [MAX_BOXES]
    with redirect_stdout(io.StringIO()):
        evaluator.cocoGt, evaluator.cocoDt = _coco(wanted, pairs), _coco(found, pairs)
        evaluator.evaluate()
    images: list[list[ImageMatches]] = [[] for _ in pairs]
    for result in evaluator.evalImgs:
        if result is not None:
            images[result["image_id"]].append(_matches(result))
    return images


def _matches(result: dict[str, Any]) -> ImageMatches:
    hit, left_out = result["dtMatches"] > 0, result["dtIgnore"].astype(bool)
    return ImageMatches(
        label=result["category_id"],
        scores=np.array(result["dtScores"], np.float64),
        right=hit & ~left_out,
        wrong=~hit & ~left_out,
        wanted=int(np.count_nonzero(np.asarray(result["gtIgnore"]) == 0)),
    )


def _found(image: int, prediction: Any) -> list[dict[str, Any]]:
    rows, masks = (prediction["boxes"], prediction["masks"]) if isinstance(prediction, dict) else (prediction, None)
    boxes = [
        {"image_id": image, "category_id": int(label), "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for label, score, x1, y1, x2, y2 in rows
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


def _coco(boxes: list[dict[str, Any]], pairs: Sequence[Pair]) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": image, "width": t["width"], "height": t["height"]} for image, (_, t) in enumerate(pairs)],
        "categories": [{"id": label} for label in sorted({box["category_id"] for box in boxes})],
        "annotations": [
            # From 1: COCOeval takes number 0 for "not matched".
            {"iscrowd": 0, "area": box["bbox"][2] * box["bbox"][3], **box, "id": number}
            for number, box in enumerate(boxes, start=1)
        ],
    }
    coco.createIndex()
    return coco
