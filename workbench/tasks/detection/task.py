"""Object detection: from an image to boxes, whatever the detector's family, and the mean average precision of the boxes."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from workbench.tasks.base import Inputs, Outputs
from workbench.tasks.deploy_files import Family
from workbench.tasks.detection.coco_metric import CocoMetric
from workbench.tasks.detection.decoders import (
    Candidates,
    Decoder,
    boxes_and_scores,
    decode_boxes_and_scores,
    decode_rows,
    decode_yolo,
    row_count,
)
from workbench.tasks.detection.graph_suppression import Suppression, read_suppression
from workbench.tasks.detection.masks import find_masks, image_masks
from workbench.tasks.detection.suppression import suppress
from workbench.tasks.detection.voc_metric import VocMetric
from workbench.tasks.image_task import ImageOptions, ImageTask
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


class AveragePrecision(StrEnum):
    """Whose definition of average precision the main table has."""

    COCO = "coco"
    """`mAP`: mean over the overlaps 0.50 to 0.95; `mAP50` beside it."""
    VOC = "voc"
    """`AP50_area`: overlap 0.50, area under the curve (Pascal VOC from 2010 on); `AP50_11_point` (VOC2007) beside it."""


class DetectionOptions(ImageOptions):
    """How an image becomes a detector's inputs, and its outputs boxes."""

    decoder: Decoder = Field(description="what the outputs hold")
    inputs: tuple[str, ...] = Field(
        ("images",), min_length=1, description="names of the model's inputs: the image's, `scale_factor`, `im_shape`"
    )
    thresholds: Thresholds = Field(Thresholds.EVALUATION, description="scores and overlaps: for mAP, or for use")
    min_score: float | None = Field(None, ge=0, lt=1, description="least score; default: that of `thresholds`")
    max_iou: float | None = Field(
        None, gt=0, le=1, description="largest overlap of two boxes of one class; default: that of `thresholds`"
    )
    max_boxes: int = Field(100, ge=1, description="of an image, best first; COCO counts 100")
    masks: bool = Field(
        False, description="the model gives a mask with each row, to be compared with those of the data"
    )
    average_precision: AveragePrecision = Field(AveragePrecision.COCO, description="whose definition")

    @model_validator(mode="after")
    def _fits(self) -> "DetectionOptions":
        if self.masks and self.decoder is not Decoder.NMS_INSIDE:
            raise ValueError(f"decoder {self.decoder} gives no masks: leave `masks` out, or take decoder nms_inside")
        return self


class DetectionTask(ImageTask):
    """Detection of objects; where the samples come from is for a subclass to say.

    A truth is {"width", "height", "boxes": [[class, x1, y1, x2, y2], ...]} in image pixels, and may have "crowd" and "difficult" (0 or 1 for
    each box) and "masks" (COCO's run lengths). A prediction is rows [class, score, x1, y1, x2, y2], best first; with masks it is
    {"boxes": rows, "masks": run lengths}.
    """

    Options: ClassVar[type[DetectionOptions]] = DetectionOptions
    primary_metric = "mAP"
    family = Family.DETECTION
    usual = Preparation(size=(640, 640), resize=Resize.LETTERBOX)

    def __init__(self, options: DetectionOptions, folder: Path) -> None:
        super().__init__(options, folder)
        self._coco_boxes, self._coco_masks, self._voc = CocoMetric("bbox"), CocoMetric("segm"), VocMetric()
        if options.average_precision is AveragePrecision.VOC:
            self.primary_metric = "AP50_area"

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, Geometry]:
        """Turn an RGB image, uint8 [height, width, 3], into float32 [1, 3, height, width] and what the model takes beside it."""
        planes, geometry = self.preparation(image)
        scale = np.array([geometry.scale], np.float32)
        shape = np.rint(scale * np.array([geometry.original], np.float32))
        beside = {SCALE_FACTOR: scale, IMAGE_SHAPE: shape}
        return {name: beside.get(name, planes[np.newaxis]) for name in self.options.inputs}, geometry

    def postprocess(self, outputs: Outputs, meta: Geometry) -> Any:
        """Turn the outputs for one image into a prediction: at most `max_boxes` boxes in image pixels."""
        found = self._decode(outputs)
        where = Geometry(meta.original, meta.original) if SCALE_FACTOR in self.options.inputs else meta
        boxes = where.boxes_to_image(found.boxes)
        rows = np.column_stack([found.classes, found.scores, boxes]).tolist()
        if not self.options.masks:
            return rows
        masks = find_masks(outputs, row_count(outputs))[found.rows]
        return {"boxes": rows, "masks": image_masks(masks, boxes, size=meta.original)}

    def tell(self, prediction: Any) -> str:
        """The boxes that a program would show, best first: class, score, corners."""
        rows = prediction["boxes"] if isinstance(prediction, dict) else prediction
        shown = [row for row in rows if row[1] >= DEFAULTS[Thresholds.DEPLOY][0]]
        told = (
            f"{self.name_of(int(label))} {score:.2f} at ({', '.join(f'{corner:.0f}' for corner in corners)})"
            for label, score, *corners in shown
        )
        return "; ".join(told) or "nothing found"

    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """Mean average precision of the boxes, and of the masks where there are some, in percent."""
        if self.options.average_precision is AveragePrecision.VOC:
            return dict(zip(("AP50_area", "AP50_11_point"), self._voc(predictions, truths), strict=True))
        found = dict(zip(("mAP", "mAP50"), self._coco_boxes(predictions, truths), strict=True))
        if self.options.masks:
            found |= dict(zip(("mask_mAP", "mask_mAP50"), self._coco_masks(predictions, truths), strict=True))
        return found

    @property
    def nms(self) -> str:
        """Where boxes are suppressed: inside the network or outside of it."""
        return "inside" if self.options.decoder is Decoder.NMS_INSIDE and self._cut_off is None else "outside"

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
    def _cut_off(self) -> Suppression | None:
        """The suppression that the network itself had, before it was cut off."""
        return read_suppression(self.left_to_task["nms"]) if "nms" in self.left_to_task else None

    def _decode(self, outputs: Outputs) -> Candidates:
        """The boxes that stay, in input pixels (image pixels where the model was told the scale), best first."""
        decoder, limit = self.options.decoder, self.options.max_boxes
        if self._cut_off is not None:
            found = self._cut_off(*boxes_and_scores(outputs))
            return found.part(found.scores > self.min_score).part(slice(limit))
        if decoder is Decoder.NMS_INSIDE:
            found = decode_rows(outputs, min_score=self.min_score)
            return found.part(np.lexsort((found.classes, -found.scores))[:limit])
        if decoder is Decoder.PPYOLOE:
            found = decode_boxes_and_scores(outputs, min_score=self.min_score)
        else:
            found = decode_yolo(outputs, min_score=self.min_score, multi_label=decoder is Decoder.YOLOV5)
        return found.part(suppress(found.boxes, found.scores, found.classes, max_iou=self.max_iou, limit=limit))
