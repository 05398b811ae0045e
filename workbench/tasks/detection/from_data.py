"""Detection on a user's own data: COCO, Pascal VOC or YOLO."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench.tasks.base import Sample
from workbench.tasks.detection.coco_data import read_coco
from workbench.tasks.detection.labelled import LabelledImage
from workbench.tasks.detection.task import DetectionOptions, DetectionTask
from workbench.tasks.detection.voc_data import read_voc
from workbench.tasks.detection.yolo_data import read_yolo
from workbench.tasks.image_folder import ORDER_SEED


class DataFormat(StrEnum):
    """How annotations are written."""

    COCO = "coco"
    VOC = "voc"
    YOLO = "yolo"


class DetectionData(BaseModel):
    """Images with their objects. Paths are relative to the recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: DataFormat = Field(description="how annotations are written")
    annotations: Path | None = Field(
        None, description="coco: the json file; voc: a folder like VOC2007 or a list in it; yolo: folder of the labels"
    )
    images: Path | None = Field(
        None, description="coco: folder of the images; voc: theirs, if not JPEGImages; yolo: their folder or a list"
    )

    @model_validator(mode="after")
    def _has_paths(self) -> "DetectionData":
        needed = {
            DataFormat.COCO: ("annotations", "images"),
            DataFormat.VOC: ("annotations",),
            DataFormat.YOLO: ("images",),
        }
        if lacking := [name for name in needed[self.format] if getattr(self, name) is None]:
            raise ValueError(f"format {self.format} needs `{lacking[0]}`")
        return self


class DetectionDataOptions(DetectionOptions):
    """Where the images and their boxes are, and how they are used."""

    evaluation: DetectionData = Field(description="what the metric is computed on: `format`, `annotations`, `images`")
    training: DetectionData | None = Field(
        None, description="what calibration, search and training take; default: the evaluation data before its own part"
    )
    calibration_images: int = Field(32, ge=1, description="for calibration, at most")
    search_images: int = Field(64, ge=0, description="of the training data after those, for a search, at most")
    training_images: int | None = Field(None, ge=1, description="of the training data, for learning; default: all")
    evaluation_images: int | None = Field(None, ge=1, description="at most so many; default: all")

    @model_validator(mode="after")
    def _has_outlines(self) -> "DetectionDataOptions":
        if self.masks and self.evaluation.format is not DataFormat.COCO:
            raise ValueError(f"format {self.evaluation.format} has no masks: leave `masks` out, or give COCO data")
        return self


class Detection(DetectionTask):
    """Detection on annotated images, in a shuffled order that is always the same."""

    Options = DetectionDataOptions

    def calibration(self) -> Sequence[Sample]:
        """The first images of the training data, or else of the evaluation data."""
        return self._training_data[: self.options.calibration_images]

    def evaluation(self) -> Sequence[Sample]:
        """The evaluation data; where there is no training data, what calibration leaves of it."""
        first = 0 if self.options.training else self.options.calibration_images
        return self._evaluation_data[first:][: self.options.evaluation_images]

    def search(self) -> Sequence[Sample]:
        """The images of the training data after the calibration ones; none where there is no training data."""
        if self.options.training is None:
            return ()
        first = self.options.calibration_images
        return self._training_data[first : first + self.options.search_images]

    def training(self) -> Sequence[Sample]:
        """The images of the training data that the search does not use; the calibration ones where there is none."""
        if self.options.training is None:
            return self.calibration()
        first, judged = self.options.calibration_images, self.options.search_images
        fresh = [*self._training_data[:first], *self._training_data[first + judged :]]
        return fresh[: self.options.training_images]

    @cached_property
    def _evaluation_data(self) -> list[Sample]:
        return self._read(self.options.evaluation)

    @cached_property
    def _training_data(self) -> list[Sample]:
        return self._read(self.options.training) if self.options.training else self._evaluation_data

    def _read(self, data: DetectionData) -> list[Sample]:
        annotations, images = (self.folder / path if path else None for path in (data.annotations, data.images))
        labels = list(self.label_names) or None
        found: list[LabelledImage] = []
        match data.format, annotations, images:
            case DataFormat.COCO, Path(), Path():
                found = read_coco(annotations, images, labels=labels, masks=self.options.masks)
            case DataFormat.VOC, Path(), _:
                found = read_voc(annotations, images=images, labels=labels)
            case DataFormat.YOLO, _, Path():
                found = read_yolo(images, labels=annotations)
        return [found[index].sample() for index in np.random.default_rng(ORDER_SEED).permutation(len(found))]
