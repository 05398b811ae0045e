"""Unlabelled images in a folder, prepared as FastDeploy's one-click compression prepares them.

There are no labels and so no metric: such a task serves to calibrate, and to train from a teacher.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from workbench.errors import InputError
from workbench.tasks.base import Inputs, Outputs, Sample, Task, TaskOptions
from workbench.tasks.deploy_steps import IMAGENET_MEAN, IMAGENET_STD
from workbench.tasks.fastdeploy_images import augmented, cropped, fitted
from workbench.tasks.preparation import Interpolation, Preparation, Resize

ENDINGS = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
ORDER_SEED = 0
CROP_MARGIN = 256 / 224  # of the crop's side: how long the short side is
HALF = (0.5, 0.5, 0.5)


class Preprocess(StrEnum):
    """How an image becomes a model's inputs, by the names of FastDeploy's functions."""

    CLASSIFICATION = "classification"
    YOLO = "yolo"
    PPYOLOE = "ppyoloe"
    PPYOLOE_PLUS = "ppyoloe_plus"
    SEGMENTATION = "segmentation"
    SEGMENTATION_TRAIN = "segmentation_train"


SIDES = {Preprocess.CLASSIFICATION: 224, Preprocess.YOLO: 640, Preprocess.PPYOLOE: 640, Preprocess.PPYOLOE_PLUS: 640}
INPUT_NAMES = {
    Preprocess.CLASSIFICATION: ("inputs",),
    Preprocess.YOLO: ("images",),
    Preprocess.PPYOLOE: ("image", "scale_factor"),
    Preprocess.PPYOLOE_PLUS: ("image", "scale_factor"),
    Preprocess.SEGMENTATION: ("x",),
    Preprocess.SEGMENTATION_TRAIN: ("x",),
}


class ImageFolderOptions(TaskOptions):
    """Where the images are, and how they become inputs."""

    calibration_folder: Path = Field(
        description="images to calibrate and train on, in sub-folders too; relative to the recipe"
    )
    evaluation_folder: Path | None = Field(
        None, description="images to compare outputs on; default: those after the calibration ones"
    )
    preprocess: Preprocess = Field(description="how an image becomes inputs")
    input_list: tuple[str, ...] = Field((), description="names of the model's inputs; default: those usual for them")
    side: int | None = Field(None, ge=1, description="pixels of the square input; default: 224, or 640 for a detector")
    calibration_images: int | None = Field(32, ge=1, description="at most so many; null: all")
    evaluation_images: int = Field(100, ge=1, description="at most so many")

    @model_validator(mode="after")
    def _fits(self) -> "ImageFolderOptions":
        wanted = len(INPUT_NAMES[self.preprocess])
        if len(self.names) != wanted:
            raise ValueError(f"preprocess {self.preprocess} makes {wanted} inputs, and `input_list` names {len(self.names)}")  # fmt: skip
        if self.side is not None and self.preprocess not in SIDES:
            raise ValueError(f"preprocess {self.preprocess} makes no square: leave `side` out")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, in the order in which they are made."""
        return self.input_list or INPUT_NAMES[self.preprocess]


class ImageFolder(Task):
    """Images without labels, in a shuffled order that is always the same."""

    Options = ImageFolderOptions
    primary_metric = ""

    @cached_property
    def side(self) -> int:
        """Pixels of the square input; 0 where the input is none."""
        return int(self.options.side or SIDES.get(self.options.preprocess, 0))

    @cached_property
    def preparation(self) -> Preparation:
        """How an image, changed as far as FastDeploy does it in its own way, becomes the first input."""
        square = (self.side, self.side)
        match self.options.preprocess:
            case Preprocess.CLASSIFICATION:
                short = round(self.side * CROP_MARGIN)
                return Preparation(size=square, resize=Resize.SHORT_SIDE, short_side=short, mean=IMAGENET_MEAN, std=IMAGENET_STD)  # fmt: skip
            case Preprocess.YOLO:  # FastDeploy calibrates YOLO so, though it deploys centred
                return Preparation(size=square, resize=Resize.TOP_LEFT)
            case Preprocess.PPYOLOE:
                return Preparation(size=square, resize=Resize.STRETCH, interpolation=Interpolation.CUBIC, mean=IMAGENET_MEAN, std=IMAGENET_STD)  # fmt: skip
            case Preprocess.PPYOLOE_PLUS:
                return Preparation(size=square, resize=Resize.STRETCH, interpolation=Interpolation.CUBIC)
            case _:  # segmentation: not resized, in -1..1
                return Preparation(mean=HALF, std=HALF)

    def calibration(self) -> Sequence[Sample]:
        """The first images."""
        return self._samples(self.options.calibration_folder)[: self.options.calibration_images]

    def evaluation(self) -> Sequence[Sample]:
        """Images of the other folder, or those after the calibration ones; none that is a calibration image too."""
        seen = {sample.digest for sample in self.calibration()}
        found = self._samples(self.options.evaluation_folder or self.options.calibration_folder)
        fresh = (sample for sample in found if sample.digest not in seen)
        return [sample for sample, _ in zip(fresh, range(self.options.evaluation_images), strict=False)]

    def training(self) -> Sequence[Sample]:
        """All images of the calibration folder that are not evaluation images."""
        kept = {sample.digest for sample in self.evaluation()}
        return [sample for sample in self._samples(self.options.calibration_folder) if sample.digest not in kept]

    def augment(self, image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Vary what a segmentation network learns from; the other kinds of network learn from the images as they are."""
        if self.options.preprocess is Preprocess.SEGMENTATION_TRAIN:
            return augmented(image, random)
        return image

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, None]:
        """Turn an RGB image, uint8 [height, width, 3], into float32 [1, 3, height, width] and what the model takes beside it."""
        if self.options.preprocess is Preprocess.YOLO:
            image = fitted(image, self.side)
        elif self.options.preprocess is Preprocess.SEGMENTATION_TRAIN:
            image = cropped(image)
        planes, geometry = self.preparation(image)
        values = zip(self.options.names, (planes, np.array(geometry.scale, np.float32)), strict=False)
        return {name: value[np.newaxis] for name, value in values}, None

    def postprocess(self, outputs: Outputs, meta: None) -> None:
        """There is nothing to compare with a label."""

    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """No metric: there are no labels."""
        return {}

    def _samples(self, given: Path) -> list[Sample]:
        folder = self.folder / given
        return [Sample.from_file(path, truth=None, decode=read_image) for path in find_images(folder)]


def find_images(folder: Path) -> list[Path]:
    """The image files of a folder and its sub-folders, shuffled in a fixed way, so that each part has all kinds.

    Raises InputError when there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if not found:
        what = "no image in it" if folder.is_dir() else "no such folder"
        raise InputError(f"images {folder}: {what}; images end in {', '.join(sorted(ENDINGS))}")
    return [found[index] for index in np.random.default_rng(ORDER_SEED).permutation(len(found))]


def read_image(path: Path) -> NDArray[Any]:
    """An image file as RGB, uint8 [height, width, 3]; raises InputError when it cannot be read."""
    import cv2

    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
    if image is None:
        raise InputError(f"image {path}: cannot be read; take it out of the folder or mend it")
    rgb: NDArray[Any] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb
