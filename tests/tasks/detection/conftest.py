"""Scenes with boxes, detectors that are never wrong about them, and pycocotools' own evaluation: oracles for decoders and metrics."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from workbench.tasks.detection import Decoder, DetectionOptions, DetectionTask
from workbench.tasks.preparation import Geometry

CLASSES = 5
CELLS = 200  # rows of a detector that mean nothing


class ScenesTask(DetectionTask):
    """Detection without data of its own."""

    def calibration(self) -> Sequence[Any]:
        return ()

    def evaluation(self) -> Sequence[Any]:
        return ()


@pytest.fixture
def make_task() -> Callable[..., DetectionTask]:
    """Make a task without data, by its options."""
    return lambda **options: ScenesTask(DetectionOptions(**options), Path())


@pytest.fixture
def scenes() -> list[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Six images of several shapes with the truth about them: boxes that do not overlap."""
    return list(make_scenes(6))


@pytest.fixture
def encode() -> Callable[..., dict[str, NDArray[Any]]]:
    """What a perfect detector gives (see `perfect_outputs`)."""
    return perfect_outputs


@pytest.fixture
def official_map() -> Callable[..., float]:
    """pycocotools' own evaluation from start to end."""
    return evaluate_with_pycocotools


def make_scenes(count: int) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    random = np.random.default_rng(0)
    for number in range(count):
        height, width = ((240, 320), (300, 200), (128, 512))[number % 3]
        corners = [(x, y) for x in range(5, width - 60, 60) for y in range(5, height - 60, 60)]
        chosen = random.permutation(len(corners))[: 1 + number]
        boxes = []
        for x, y in np.array(corners)[chosen] + random.uniform(0, 8, (len(chosen), 2)):
            wide, high = random.uniform(12, 45, 2)
            boxes.append([int(random.integers(CLASSES)), x, y, x + wide, y + high])
        yield random.integers(0, 255, (height, width, 3), np.uint8), {"width": width, "height": height, "boxes": boxes}


def perfect_outputs(
    decoder: Decoder, truth: dict[str, Any], geometry: Geometry, *, in_image_pixels: bool, broken: int = 0
) -> dict[str, NDArray[Any]]:
    """What a perfect detector of this family gives, with `broken` rows that hold no box."""
    random = np.random.default_rng(1)
    labels = np.array([box[0] for box in truth["boxes"]], int)
    boxes = np.array([box[1:] for box in truth["boxes"]], np.float64)
    if not in_image_pixels:
        boxes = boxes * (geometry.scale[::-1] * 2) + geometry.offset[::-1] * 2
    scores = np.full((len(labels), CLASSES), 1e-5)
    scores[np.arange(len(labels)), labels] = np.linspace(0.99, 0.5, len(labels))
    boxes = np.vstack([boxes, random.uniform(0, 100, (CELLS, 4))])
    scores = np.vstack([scores, random.uniform(0, 5e-4, (CELLS, CLASSES))])
    if broken:
        values = random.choice([np.nan, np.inf, -np.inf, 0.0, -7.0, 3e38], (broken, 4))
        values[::3] = 11.0  # in YOLO's layout far below the least score, else without area
        boxes = np.vstack([boxes, values])
        low = random.uniform(0, 0.2, (broken, CLASSES))
        low[::3, 0] = np.nan
        low[~np.isfinite(values).all(axis=1)] = 0.95
        scores = np.vstack([scores, low])
    order = random.permutation(len(boxes))
    return _layout(decoder, boxes[order].astype(np.float32), scores[order].astype(np.float32))


def _layout(decoder: Decoder, boxes: NDArray[Any], scores: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if decoder is Decoder.PPYOLOE:
        return {"boxes": boxes[np.newaxis], "scores": np.ascontiguousarray(scores.T[np.newaxis])}
    if decoder is Decoder.NMS_INSIDE:
        row, label = np.nonzero(scores > 1e-3)
        rows = np.column_stack([label, scores[row, label], boxes[row]]).astype(np.float32)
        return {"rows": rows, "count": np.array([len(rows)], np.int32)}
    with np.errstate(invalid="ignore", over="ignore"):
        centred = np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])
    objectness = np.full((len(boxes), 1), 0.9, np.float32)
    return {"output": np.hstack([centred, objectness, scores / objectness]).astype(np.float32)[np.newaxis]}


def evaluate_with_pycocotools(predictions: Sequence[Any], truths: Sequence[Any], *, at: int = 0) -> float:
    """COCOeval's own mAP (`at=0`) or mAP50 (`at=1`), in percent, from start to end."""
    wanted = [
        {"image_id": image, "category_id": int(label), "bbox": [x, y, x2 - x, y2 - y], "area": (x2 - x) * (y2 - y), "iscrowd": crowd}
        for image, truth in enumerate(truths)
        for (label, x, y, x2, y2), crowd in zip(truth["boxes"], truth.get("crowd") or [0] * len(truth["boxes"]), strict=True)
    ]  # fmt: skip
    found = [
        {"image_id": image, "category_id": int(label), "bbox": [x, y, x2 - x, y2 - y], "score": score}
        for image, rows in enumerate(predictions) for label, score, x, y, x2, y2 in rows
    ]  # fmt: skip
    with redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in range(len(truths))],
            "categories": [{"id": label} for label in sorted({box["category_id"] for box in wanted + found})],
            "annotations": [box | {"id": number} for number, box in enumerate(wanted, start=1)],
        }
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return 100 * float(evaluator.stats[at])
