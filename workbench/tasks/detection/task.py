"""Object detection: from an image to boxes, whatever the detector's family, and the mean average precision of the boxes."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.tasks.base import Inputs, Outputs, Task, TaskOptions
from workbench.tasks.detection.coco_metric import CocoMetric
from workbench.tasks.detection.decoders import (
    Candidates,
    Decoder,
    decode_boxes_and_scores,
    decode_rows,
    decode_yolo,
)
from workbench.tasks.detection.suppression import suppress
from workbench.tasks.preparation import Geometry, Preparation, Resize

SCALE_FACTOR = "scale_factor"
"""Paddle's input for input pixels per image pixel (vertical, horizontal), float32 [1, 2]: boxes then come in image pixels."""
IMAGE_SHAPE = "im_shape"
"""Paddle's input for height and width of the resized image, float32 [1, 2]."""


class Thresholds(StrEnum):
    """Which boxes are worth a look."""

    EVALUATION = "evaluation"
    """Score 0.001, overlap 0.65: mAP wants the whole curve (PaddleSlim's evaluation of the YOLO series)."""
    DEPLOY = "deploy"
    """Score 0.25, overlap 0.5: what a program shows (FastDeploy's defaults); mAP loses the curve's tail."""


DEFAULTS = {Thresholds.EVALUATION: (0.001, 0.65), Thresholds.DEPLOY: (0.25, 0.5)}


class DetectionOptions(TaskOptions):
    """How an image becomes a detector's inputs, and its outputs boxes."""

    decoder: Decoder = Field(description="what the outputs hold")
    inputs: tuple[str, ...] = Field(
        ("images",), min_length=1, description="names of the model's inputs: the image's, `scale_factor`, `im_shape`"
    )
    preparation: Preparation = Field(
        Preparation(size=(640, 640), resize=Resize.LETTERBOX), description="how an image becomes an input"
    )
    thresholds: Thresholds = Field(Thresholds.EVALUATION, description="scores and overlaps: for mAP, or for use")
    min_score: float | None = Field(None, ge=0, lt=1, description="least score; default: that of `thresholds`")
    max_iou: float | None = Field(
        None, gt=0, le=1, description="largest overlap of two boxes of one class; default: that of `thresholds`"
    )
    max_boxes: int = Field(100, ge=1, description="of an image, best first; COCO counts 100")
    labels: Path | None = Field(None, description="file with one class name a line; relative to the recipe")


class DetectionTask(Task):
    """Detection of objects; where the samples come from is for a subclass to say.

    A truth is {"width", "height", "boxes": [[class, x1, y1, x2, y2], ...]} in image pixels, and may have "crowd" and "difficult" (0 or 1 for
    each box) and "masks" (COCO's run lengths). A prediction is rows [class, score, x1, y1, x2, y2], best first.
    """

    Options = DetectionOptions
    primary_metric = "mAP"

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, Geometry]:
        """Turn an RGB image, uint8 [height, width, 3], into float32 [1, 3, height, width] and what the model takes beside it."""
        planes, geometry = self.options.preparation(image)
        scale = np.array([geometry.scale], np.float32)
        shape = np.rint(scale * np.array([geometry.original], np.float32))
        beside = {SCALE_FACTOR: scale, IMAGE_SHAPE: shape}
        return {name: beside.get(name, planes[np.newaxis]) for name in self.options.inputs}, geometry

    def postprocess(self, outputs: Outputs, meta: Geometry) -> list[list[float]]:
        """Turn the outputs for one image into at most `max_boxes` rows [class, score, x1, y1, x2, y2], in image pixels."""
        found = self._decode(outputs)
        where = Geometry(meta.original, meta.original) if SCALE_FACTOR in self.options.inputs else meta
        boxes = where.boxes_to_image(found.boxes)
        rows: list[list[float]] = np.column_stack([found.classes, found.scores, boxes]).tolist()
        return rows

    def metric(self, predictions: Any, truths: Any) -> dict[str, float]:
        """COCO's mAP (mean over the overlaps 0.50 to 0.95) and mAP50, in percent."""
        mean, at_half = self._boxes_metric(predictions, truths)
        return {"mAP": mean, "mAP50": at_half}

    @property
    def min_score(self) -> float:
        """Boxes must have more."""
        given: float | None = self.options.min_score
        return DEFAULTS[self.options.thresholds][0] if given is None else given

    @property
    def max_iou(self) -> float:
        """Boxes of one class may overlap as much."""
        return self.options.max_iou or DEFAULTS[self.options.thresholds][1]

    @cached_property
    def _boxes_metric(self) -> CocoMetric:
        return CocoMetric("bbox")

    def _decode(self, outputs: Outputs) -> Candidates:
        """The boxes that stay, in input pixels (image pixels where the model was told the scale), best first."""
        decoder = self.options.decoder
        if decoder is Decoder.NMS_INSIDE:
            found = decode_rows(outputs, min_score=self.min_score)
            return found.part(np.argsort(-found.scores, kind="stable")[: self.options.max_boxes])
        if decoder is Decoder.PPYOLOE:
            found = decode_boxes_and_scores(outputs, min_score=self.min_score)
        else:
            found = decode_yolo(outputs, min_score=self.min_score, multi_label=decoder is Decoder.YOLOV5)
        return found.part(suppress(*found, max_iou=self.max_iou, limit=self.options.max_boxes))
