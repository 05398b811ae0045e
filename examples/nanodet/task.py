"""A user's own task for the workbench: COCO detection with NanoDet-m.

The recipe names this file and the options below; the workbench finds the one `Task` subclass in it. Copy it, and change
what differs for your model: where the samples are, how an image becomes an input, and how outputs become predictions.
"""

import io
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pydantic import PositiveInt

from workbench.errors import InputError
from workbench.tasks import Inputs, Outputs, Sample, Task, TaskOptions

INPUT_SIZE = 416  # pixels, both sides
MEAN = np.array([103.53, 116.28, 123.675], np.float32).reshape(3, 1, 1)  # BGR, in grey levels
STD = np.array([57.375, 57.12, 58.395], np.float32).reshape(3, 1, 1)
STRIDES = (8, 16, 32)  # pixels between the cells of the three output grids
CLASSES = 80
BINS = 8  # of the distribution over the distance from a cell's centre to one side of its box, in strides
MIN_SCORE = 0.05
MAX_CANDIDATES = 1000  # best first, as NanoDet itself does; on COCO the first 500 already yield the 100 boxes
MAX_IOU = 0.6  # of two boxes of one class; above it the one with the lower score goes
MAX_BOXES = 100  # per image, also COCO's own limit

Box = tuple[float, ...]


class NanoDetOptions(TaskOptions):
    """What the recipe may write under `task.options`."""

    data: Path  # holds images/{train2017,val2017}/*.jpg and, in YOLO format, labels/{train2017,val2017}/*.txt
    calibration_images: PositiveInt = 32  # at most so many, the first by name
    search_images: PositiveInt | None = None  # of the training images after these; None: all of them
    evaluation_images: PositiveInt | None = None  # None: all


class NanoDet(Task):
    """NanoDet-m, 80 classes, 416 x 416 pixels."""

    Options = NanoDetOptions
    primary_metric = "mAP"

    def calibration(self) -> list[Sample]:
        """The first training images; the ranges need no labels."""
        paths = self._images("train2017")[: self.options.calibration_images]
        return [Sample.from_file(path, truth=None, decode=read_image) for path in paths]

    def evaluation(self) -> list[Sample]:
        """The validation images with their boxes."""
        return self._labelled("val2017", self._images("val2017")[: self.options.evaluation_images])

    def search(self) -> list[Sample]:
        """The training images after the calibration ones, with their boxes; none when there are no labels for them."""
        if not (self.folder / self.options.data / "labels/train2017").is_dir():
            return []
        paths = self._images("train2017")[self.options.calibration_images :]
        return self._labelled("train2017", paths[: self.options.search_images])

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, tuple[int, int]]:
        """Scale a BGR image (height, width, 3) to fit, top left on black, and normalise it: float32 (1, 3, 416, 416).

        The second result is the image's (height, width) in pixels, by which `postprocess` scales the boxes back.
        """
        height, width = image.shape[:2]
        scale = input_scale(height, width)
        scaled = cv2.resize(image, (round(width * scale), round(height * scale)))
        below, right = INPUT_SIZE - scaled.shape[0], INPUT_SIZE - scaled.shape[1]
        padded = cv2.copyMakeBorder(scaled, 0, below, 0, right, cv2.BORDER_CONSTANT)
        planes = np.stack(cv2.split(padded)).astype(np.float32)  # much faster than to transpose after
        planes -= MEAN
        planes /= STD
        return {"input.1": planes[None]}, (height, width)

    def postprocess(self, outputs: Outputs, meta: tuple[int, int]) -> list[list[float]]:
        """Turn the six outputs into at most 100 rows [class, score, x1, y1, x2, y2], in pixels, best score first."""
        all_scores = join_levels(outputs, CLASSES).ravel()
        likely = np.flatnonzero(all_scores >= MIN_SCORE)
        best = likely[np.argsort(-all_scores[likely], kind="stable")[:MAX_CANDIDATES]]
        scores = all_scores[best]
        cells, classes = np.divmod(best, CLASSES)
        boxes = decode_boxes(join_levels(outputs, 4 * BINS)[cells], cells) / input_scale(*meta)
        kept = suppress(boxes, scores, classes)[:MAX_BOXES]
        return np.column_stack([classes, scores, boxes])[kept].tolist()

    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """COCO's mAP (mean over IoU 0.50 to 0.95) and mAP50 (IoU 0.50), in percent.

        The bootstrap calls this some hundred times with the same images in other mixtures. Matching boxes within one
        image is the slow part and does not depend on the other images, so it is remembered; only the precision-recall
        curves are computed anew.
        """
        matches = [
            match_image(freeze(prediction), freeze(truth["boxes"]))
            for prediction, truth in zip(predictions, truths, strict=True)
        ]
        evaluator = new_evaluator(images=range(len(matches)), classes=range(CLASSES))
        evaluator.evalImgs = [match.get(class_id) for class_id in range(CLASSES) for match in matches]
        evaluator._paramsEval = evaluator.params  # what `evaluate` would have left behind
        with redirect_stdout(io.StringIO()):
            evaluator.accumulate()
        precision = evaluator.eval["precision"]  # (IoU thresholds, recalls, classes, 1, 1)
        return {"mAP": mean_percent(precision), "mAP50": mean_percent(precision[0])}

    def _labelled(self, split: str, paths: Sequence[Path]) -> list[Sample]:
        labels = self._folder(f"labels/{split}")
        return [
            Sample.from_file(path, truth=read_truth(path, labels / f"{path.stem}.txt"), decode=read_image)
            for path in paths
        ]

    def _images(self, split: str) -> list[Path]:
        folder = self._folder(f"images/{split}")
        paths = sorted(folder.glob("*.jpg"))
        if not paths:
            raise InputError(f"task.options.data: no *.jpg in {folder}; put the {split} images there")
        return paths

    def _folder(self, name: str) -> Path:
        folder: Path = self.folder / self.options.data / name
        if not folder.is_dir():
            raise InputError(f"task.options.data: no folder {folder}; name a folder that holds {name}")
        return folder


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file to BGR, uint8 (height, width, 3)."""
    image = cv2.imread(str(path))
    if image is None:
        raise InputError(f"image: cannot decode {path}; replace or remove the file")
    return image


def read_truth(image: Path, labels: Path) -> dict[str, Any]:
    """An image's size and its boxes [class, x1, y1, width, height], all in pixels.

    As usual in this format, an image without objects has no label file.
    """
    height, width = read_image(image).shape[:2]
    try:
        rows = np.array(labels.read_text().split() if labels.exists() else [], float).reshape(-1, 5)
    except ValueError:
        raise InputError(f"labels: cannot read {labels}; write one line 'class x y width height' per box") from None
    sizes = rows[:, 3:] * [width, height]
    corners = rows[:, 1:3] * [width, height] - sizes / 2
    return {"width": width, "height": height, "boxes": np.hstack([rows[:, :1], corners, sizes]).tolist()}


def input_scale(height: int, width: int) -> float:
    """Input pixels per image pixel."""
    return INPUT_SIZE / max(height, width)


def join_levels(outputs: Outputs, channels: int) -> NDArray[Any]:
    """Stack the outputs (1, cells, channels) of the three grids, finest first: (3549, channels).

    Outputs are told apart by shape, because every backend names them in its own way.
    """
    levels = {output.shape: output[0] for output in outputs.values()}
    shapes = [(1, (INPUT_SIZE // stride) ** 2, channels) for stride in STRIDES]
    if missing := [shape for shape in shapes if shape not in levels]:
        raise InputError(f"model: outputs {list(levels)} lack {missing}; use a NanoDet-m with 416 x 416 input")
    return np.concatenate([levels[shape] for shape in shapes])


def cell_centres() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre (x, y) and stride of each cell, in input pixels: (3549, 2) and (3549, 1)."""
    centres, strides = [], []
    for stride in STRIDES:
        y, x = np.indices((INPUT_SIZE // stride, INPUT_SIZE // stride), np.float32)
        centres.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full((x.size, 1), stride, np.float32))
    return np.concatenate(centres), np.concatenate(strides)


CENTRES, CELL_STRIDES = cell_centres()


def decode_boxes(distributions: NDArray[Any], cells: NDArray[np.intp]) -> NDArray[Any]:
    """Boxes (x1, y1, x2, y2) in input pixels, (n, 4), from the raw distributions (n, 32) of the given cells."""
    logits = distributions.reshape(-1, 4, BINS)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distances = weights @ np.arange(BINS, dtype=np.float32) / weights.sum(axis=2) * CELL_STRIDES[cells]
    return np.hstack([CENTRES[cells] - distances[:, :2], CENTRES[cells] + distances[:, 2:]])


def suppress(boxes: NDArray[Any], scores: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Indices that survive non-maximum suppression within each class, best score first."""
    # OpenCV tells classes apart by moving each to a place of its own, which works from non-negative coordinates only.
    corner_and_size = np.hstack([boxes[:, :2] - boxes.min(initial=0), boxes[:, 2:] - boxes[:, :2]])
    return np.asarray(cv2.dnn.NMSBoxesBatched(corner_and_size, scores, classes, 0.0, MAX_IOU), np.intp)


def freeze(rows: Iterable[Iterable[float]]) -> tuple[Box, ...]:
    """Rows as tuples, which can be looked up in a cache."""
    return tuple(map(tuple, rows))


@lru_cache(maxsize=4096)
def match_image(prediction: tuple[Box, ...], truth: tuple[Box, ...]) -> dict[int, dict[str, Any]]:
    """pycocotools' matching of one image, by class; classes neither predicted nor present are left out."""
    found = [
        {"category_id": int(row[0]), "score": row[1], "bbox": [row[2], row[3], row[4] - row[2], row[5] - row[3]]}
        for row in prediction
    ]
    wanted = [{"category_id": int(class_id), "bbox": box} for class_id, *box in truth]
    evaluator = new_evaluator(images=[0], classes={box["category_id"] for box in found + wanted})
    with redirect_stdout(io.StringIO()):
        evaluator.cocoGt, evaluator.cocoDt = new_coco(wanted), new_coco(found)
        evaluator.evaluate()
    return {result["category_id"]: result for result in evaluator.evalImgs}


def new_evaluator(images: Iterable[int], classes: Iterable[int]) -> COCOeval:
    """A COCOeval for boxes of all sizes; the split by small, medium and large would cost three times as much."""
    evaluator = COCOeval(iouType="bbox")
    evaluator.params.imgIds = list(images)
    evaluator.params.catIds = sorted(classes)
    evaluator.params.areaRng = [[0, float("inf")]]
    evaluator.params.areaRngLbl = ["all"]
    evaluator.params.maxDets = [MAX_BOXES]
    return evaluator


def new_coco(boxes: list[dict[str, Any]]) -> COCO:
    """The boxes of image 0 as a COCO data set."""
    coco = COCO()
    common = {"image_id": 0, "iscrowd": 0}
    annotations = [
        {**box, **common, "id": number, "area": box["bbox"][2] * box["bbox"][3]}
        for number, box in enumerate(boxes, start=1)  # from 1: COCOeval takes id 0 for "unmatched"
    ]
    categories = [{"id": class_id} for class_id in range(CLASSES)]
    coco.dataset = {"images": [{"id": 0}], "categories": categories, "annotations": annotations}
    coco.createIndex()
    return coco


def mean_percent(precision: NDArray[np.float64]) -> float:
    """Mean in percent over all classes that have boxes in the truth; COCO marks the others by -1."""
    known = precision[precision > -1]
    return 100 * float(known.mean()) if known.size else float("nan")
