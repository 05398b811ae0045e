"""Semantic segmentation: an image in, a class for each of its pixels out. Where the samples come from is a subclass's matter."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from workbench.errors import InputError
from workbench.tasks.base import Inputs, Outputs
from workbench.tasks.deploy_files import Family
from workbench.tasks.deploy_steps import HALVES
from workbench.tasks.image_task import ImageOptions, ImageTask
from workbench.tasks.preparation import Geometry, Image, Preparation
from workbench.tasks.segmentation.class_maps import (
    IGNORED,
    ClassMap,
    Truth,
    class_map,
    confusion,
    figures,
    pack,
    unpack,
)
from workbench.tasks.segmentation.windows import Windows

MOST_CLASSES = IGNORED


class Seen(NamedTuple):
    """How a network sees an image: where the image lies in the input, and the windows that cover the input."""

    geometry: Geometry
    windows: Windows


class SegmentationOptions(ImageOptions):
    """How an image becomes inputs, and outputs become classes."""

    input: str = Field("x", description="name of the model's input")
    output: str = Field("", description="name of the output with the scores or classes; default: the first")
    classes: int | None = Field(
        None, ge=2, le=MOST_CLASSES, description="number of classes; default: that of their names"
    )
    window: tuple[int, int] | None = Field(
        None, description="height and width of a sliding window; default: the whole image at once"
    )
    stride: tuple[int, int] | None = Field(None, description="steps of the window, down and right; default: its size")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.stride is not None and self.window is None:
            raise ValueError("`stride` is that of a `window`: give one, or leave it out")
        for name, pair in (("window", self.window), ("stride", self.stride)):
            if pair is not None and min(pair) < 1:
                raise ValueError(f"`{name}` must be one pixel at least")
        return self


class SegmentationTask(ImageTask):
    """Segmentation of a decoded RGB image, uint8 [h, w, 3]; a truth is a class map, uint8 [h, w], or a callable that reads one.

    Whether the model itself picks the class (argmax) is seen from its output: scores, float [n, classes, h, w], or
    integers, [n, h, w]. Subclasses give the samples, and override `class_names` where they know the classes themselves.
    """

    Options: ClassVar[type[SegmentationOptions]] = SegmentationOptions
    primary_metric = "miou"
    family = Family.SEGMENTATION
    usual = Preparation(mean=HALVES, std=HALVES)

    def __init__(self, options: Any, folder: Path) -> None:
        super().__init__(options, folder)
        self._confused: dict[tuple[int, int], tuple[Any, Any, NDArray[np.int64]]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes. Raises InputError when neither they nor their number are given."""
        names, count = self.label_names, self.options.classes
        if not names and count is None:
            raise InputError("segmentation: the number of classes is not known; give `classes` or `labels`")
        if names and count not in (None, len(names)):
            raise InputError(f"segmentation: {len(names)} names for {count} classes; mend `labels` or `classes`")
        return names or tuple(str(index) for index in range(count))

    def augment(self, image: Image, random: np.random.Generator) -> Image:
        """Other contrast and brightness. The mask does not come along, so the image stays in its place."""
        contrast, brightness = random.uniform(0.75, 1.25), random.uniform(-32, 32)
        return np.clip(image * np.float32(contrast) + np.float32(brightness), 0, 255).astype(np.uint8)

    def preprocess(self, image: Image) -> tuple[Inputs, Seen]:
        """Turn an RGB image, uint8 [h, w, 3], into float32 [windows, 3, height, width]; one window is the whole image."""
        planes, geometry = self.preparation(image)
        windows = self._windows(geometry.size)
        return {self.options.input: windows.cut(planes)}, Seen(geometry, windows)

    def postprocess(self, outputs: Outputs, meta: Seen) -> ClassMap:
        """Turn scores, float [windows, classes, h, w], or classes, integer [windows, h, w], into the image's class map.

        An output smaller than its input is enlarged, and the image's part of it brought to the image's size: scores
        linearly, before the highest is taken, and classes by their nearest neighbour.
        """
        found = self._output(outputs)
        if found.ndim == 4 and np.issubdtype(found.dtype, np.integer):
            found = found[:, 0]
        if found.ndim == 3:
            classes = _resized(found.astype(np.uint8, copy=False), meta.windows.size, nearest=True)
            whole = _image_part(meta.windows.join_classes(classes), meta.geometry)
            return np.ascontiguousarray(_resized(whole[np.newaxis], meta.geometry.original, nearest=True)[0])
        windows, channels = found.shape[:2]
        enlarged = _resized(found.reshape(-1, *found.shape[2:]), meta.windows.size, nearest=False)
        scores = meta.windows.join_scores(enlarged.reshape(windows, channels, *meta.windows.size))
        return highest(_resized(_image_part(scores, meta.geometry), meta.geometry.original, nearest=False))

    def to_json(self, prediction: ClassMap) -> dict[str, Any]:
        """The class map, packed."""
        return pack(prediction)

    def tell(self, prediction: ClassMap) -> str:
        """The share of the image that each class covers, largest first."""
        classes, counts = np.unique(prediction, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return ", ".join(f"{self.class_names[classes[i]]} {counts[i] / prediction.size:.1%}" for i in order)

    def labels(self, truth: Truth) -> Inputs:
        """The class map as the network sees it, int64 [windows, h, w], with the ignored class where there is no image."""
        classes = class_map(truth)
        geometry = self.preparation.geometry((classes.shape[0], classes.shape[1]))
        seen = np.full((1, *geometry.size), IGNORED, np.int64)
        part = _image_part(seen, geometry)
        part[:] = _resized(classes[np.newaxis], (part.shape[1], part.shape[2]), nearest=True)
        return {"classes": self._windows(geometry.size).cut(seen, fill=IGNORED)[:, 0]}

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """Cross entropy of the scores, float [N, classes, h, w], at each pixel that counts.

        Raises InputError for a model that picks the class itself: nothing can be learned through that.
        """
        from paddle.nn.functional import cross_entropy, interpolate

        scores = self._output(outputs)
        if len(scores.shape) != 4 or scores.shape[1] == 1:
            raise InputError(
                "segmentation: the model picks the class itself (argmax); train from one that gives scores"
            )
        size = list(labels["classes"].shape[-2:])
        classes = labels["classes"].reshape([-1, *size])
        scores = interpolate(scores, size=size, mode="bilinear")
        return cross_entropy(scores, classes, axis=1, ignore_index=IGNORED)

    def metric(self, predictions: Sequence[Any], truths: Sequence[Truth]) -> dict[str, float]:
        """Mean IoU over the classes, pixel accuracy, and each class's IoU, in percent, over all pixels that count.

        Each pair is compared once, however often it is asked for: a bootstrap asks for the same pairs again and again.
        """
        each = [self._confusion(*pair) for pair in zip(predictions, truths, strict=True)]
        return figures(np.sum(each, axis=0), self.class_names)

    def _confusion(self, prediction: Any, truth: Truth) -> NDArray[np.int64]:
        key = (id(prediction), id(truth))
        if key not in self._confused:
            compared = confusion(unpack(prediction), class_map(truth), classes=len(self.class_names))
            # With the two objects themselves, so that no other can get their ids.
            self._confused[key] = (prediction, truth, compared)
        return self._confused[key][-1]

    def _windows(self, whole: tuple[int, int]) -> Windows:
        window = self.options.window or whole
        return Windows(whole, window, self.options.stride or window)

    def _output(self, outputs: dict[str, Any]) -> Any:
        return outputs[self.options.output] if self.options.output else next(iter(outputs.values()))


def highest(scores: NDArray[Any]) -> ClassMap:
    """The class with the highest score, uint8 [h, w], of scores [classes, h, w]; the first of equal ones."""
    import cv2

    planes = scores.astype(np.float32, copy=False)
    best, classes = planes[0].copy(), np.zeros(planes.shape[1:], np.uint8)
    # Plane by plane is four times as fast as argmax along the first axis. A later class has the larger number.
    for index, plane in enumerate(planes[1:], start=1):
        higher = cv2.compare(plane, best, cv2.CMP_GT)
        cv2.max(plane, best, dst=best)
        np.maximum(classes, higher & np.uint8(index), out=classes)
    return classes


def _image_part(whole: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """The part of an input's scores or classes, [..., h, w], that the image covers."""
    (top, left), height_width = geometry.offset, zip(geometry.original, geometry.scale, strict=True)
    height, width = (round(length * scale) for length, scale in height_width)
    if top < 0 or left < 0:
        raise InputError("segmentation: resize short_side crops the image, so its pixels have no class; take another")
    return whole[..., top : top + height, left : left + width]


def _resized(planes: NDArray[Any], size: tuple[int, int], *, nearest: bool) -> NDArray[Any]:
    """Planes [n, h, w] as [n, *size]."""
    import cv2

    if planes.shape[1:] == size:
        return planes
    flag = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, size[::-1], interpolation=flag) for plane in planes])
