"""Image classification: a list of names and labels, as ImageNet's val_list.txt, or a folder for each class."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from workbench.errors import InputError
from workbench.tasks.base import Inputs, Outputs, Sample
from workbench.tasks.class_scores import class_loss, likeliest, top_accuracies
from workbench.tasks.deploy_files import Family
from workbench.tasks.deploy_steps import IMAGENET_MEAN, IMAGENET_STD
from workbench.tasks.image_folder import ENDINGS, read_image
from workbench.tasks.image_task import ImageOptions, ImageTask
from workbench.tasks.parts import PartsOptions, PartsTask
from workbench.tasks.preparation import Image, Preparation, Resize
from workbench.tasks.text_files import read_text_file

ZOOM = (0.75, 1.0)  # of each side, for the crop that a training image is


class ClassificationOptions(ImageOptions):
    """How an image becomes the input."""

    input: str = Field("inputs", description="name of the model's input")
    output: str = Field("", description="name of the output with the scores of the classes; default: the first")


class ClassificationTask(ImageTask):
    """Classification of a decoded RGB image, uint8 [h, w, 3]; a truth is a class, counted from 0. Subclasses give the samples.

    A prediction is the list of the five likeliest classes, likeliest first. Whether the model itself ends in a softmax makes no difference.
    """

    Options: ClassVar[type[ClassificationOptions]] = ClassificationOptions
    primary_metric = "top1"
    family = Family.CLASSIFICATION
    usual = Preparation(size=(224, 224), resize=Resize.SHORT_SIDE, short_side=256, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def augment(self, image: Image, random: np.random.Generator) -> Image:
        """A random crop of at least three quarters of each side, mirrored in half of the cases."""
        height, width = (int(side * random.uniform(*ZOOM)) for side in image.shape[:2])
        top, left = (
            int(random.integers(have - want + 1)) for have, want in zip(image.shape, (height, width), strict=False)
        )
        crop = image[top : top + height, left : left + width]
        return np.ascontiguousarray(crop[:, ::-1] if random.random() < 0.5 else crop)

    def labels(self, truth: int) -> Inputs:
        """The class, int64 [1]."""
        return {"label": np.array([truth], np.int64)}

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """Cross entropy of the scores, float [N, classes]."""
        return class_loss(self._scores(outputs), labels["label"])

    def preprocess(self, image: Image) -> tuple[Inputs, None]:
        """Turn an RGB image, uint8 [h, w, 3], into float32 [1, 3, height, width]."""
        return {self.options.input: self.preparation(image)[0][np.newaxis]}, None

    def postprocess(self, outputs: Outputs, meta: None) -> list[int]:
        """Turn scores, float [1, classes], into the five likeliest classes."""
        return likeliest(self._scores(outputs)[0])

    def tell(self, prediction: Sequence[int]) -> str:
        """The names of the likeliest classes, or their numbers where there are no names."""
        return ", ".join(self.name_of(label) for label in prediction)

    def metric(self, predictions: Sequence[Sequence[int]], truths: Sequence[int]) -> dict[str, float]:
        """Top-1 and top-5 accuracy in percent."""
        return top_accuracies(predictions, truths)

    def _scores(self, outputs: dict[str, Any]) -> Any:
        return outputs[self.options.output] if self.options.output else next(iter(outputs.values()))


class LabelledImagesOptions(ClassificationOptions, PartsOptions):
    """Where the images and their labels are."""

    images: Path = Field(description="folder of the images, or of a folder for each class; relative to the recipe")
    image_list: Path | None = Field(
        None, description="file with `name label` lines, names relative to `images`; default: a folder for each class"
    )
    training_images: Path | None = Field(
        None,
        description="folder of images to calibrate, search and train on; default: some of `images`, not evaluated on",
    )
    training_list: Path | None = Field(None, description="list of those; default: a folder for each class")


class Classification(PartsTask, ClassificationTask):
    """Classification of a user's images."""

    Options: ClassVar[type[LabelledImagesOptions]] = LabelledImagesOptions

    def files(self) -> Sequence[Path]:
        """Those of every image task, and the lists."""
        lists = (self.options.image_list, self.options.training_list)
        return [*super().files(), *(self.folder / file for file in lists if file is not None)]

    def evaluation_data(self) -> Sequence[Sample]:
        """The images."""
        return self._read(self.options.images, self.options.image_list)

    def training_data(self) -> Sequence[Sample] | None:
        """The training images."""
        options = self.options
        if options.training_images is None and options.training_list is None:
            return None
        return self._read(options.training_images or options.images, options.training_list)

    def _read(self, folder: Path, names: Path | None) -> list[Sample]:
        where = self.folder / folder
        found = _class_folders(where, self._folder_numbers) if names is None else _listed(where, self.folder / names)
        return [Sample.from_file(path, truth=label, decode=read_image) for path, label in found]

    @cached_property
    def _folder_numbers(self) -> Mapping[str, int]:
        """The class of each folder: its place among the labels, where those name the folders, or among the sorted folders."""
        where = self.folder / self.options.images
        folders = sorted(path.name for path in where.iterdir() if path.is_dir()) if where.is_dir() else []
        named = self.label_names if set(folders) <= set(self.label_names) else folders
        return {name: number for number, name in enumerate(named)}


def _class_folders(folder: Path, numbers: Mapping[str, int]) -> list[tuple[Path, int]]:
    """Images with the number of their folder. Raises InputError when there are none, or a folder has no number."""
    found = sorted(path for path in folder.glob("*/**/*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise InputError(
            f"images {folder}: no folder of images for each class in it; give such a folder, or an `image_list`"
        )
    classes = [path.relative_to(folder).parts[0] for path in found]
    if unknown := next((name for name in classes if name not in numbers), None):
        raise InputError(
            f"images {folder / unknown}: no such class among the evaluation images; give `labels` with all"
        )
    return [(path, numbers[name]) for path, name in zip(found, classes, strict=True)]


def _listed(folder: Path, names: Path) -> list[tuple[Path, int]]:
    """Images with their label from a list. Raises InputError for a line that is not right."""
    text = read_text_file(names, what="list", fix="give a file with `name label` in each line")
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match line.rsplit(maxsplit=1):
            case [name, label] if label.isdecimal():
                path = folder / name.strip()
            case _:
                raise InputError(
                    f"list {names}: line {number} is {line.strip()!r}; it must be `name label`, the label a number"
                )
        if not path.is_file():
            raise InputError(f"list {names}: line {number}: no image {path}; names are relative to `images`")
        found.append((path, int(label)))
    if not found:
        raise InputError(f"list {names}: it is empty; give a file with `name label` in each line")
    return found
