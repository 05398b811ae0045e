"""The task of networks without trained weights: photographs, and no truth to compare with, so only the logits' noise counts.

Photographs are a folder's in COCO's layout (`images/train2017`, `images/val2017`) where there is one, else crops of the two
that scikit-learn brings: calibration from the left halves, evaluation from the right ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from workbench.tasks import Inputs, Outputs, Sample, Task, TaskOptions

MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # RGB, of ImageNet's pictures, as is usual for these networks
STD = np.array([0.229, 0.224, 0.225], np.float32)


class CropsOptions(TaskOptions):
    """What the recipe may write under `task.options`."""

    data: Path | None = None  # holds images/{train2017,val2017}/*.jpg
    size: PositiveInt = 224  # pixels, both sides
    calibration_images: PositiveInt = 32
    evaluation_images: PositiveInt = 32


class Crops(Task):
    """Square photographs for a classifier of 1000 classes; its metric only counts them."""

    Options = CropsOptions
    primary_metric = "images"

    def calibration(self) -> Sequence[Sample]:
        """Photographs for activation ranges."""
        return self._samples("train2017", 0, self.options.calibration_images)

    def evaluation(self) -> Sequence[Sample]:
        """Other photographs."""
        return self._samples("val2017", 0, self.options.evaluation_images)

    def statistics(self) -> Sequence[Sample]:
        """As many as for calibration again, and others where there are enough: for the statistics of batch norm."""
        count = self.options.calibration_images
        return self._samples("train2017", count, count) or self.calibration()

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, None]:
        """An RGB picture (size, size, 3), normalised: float32 (1, 3, size, size)."""
        scaled = (image.astype(np.float32) / 255 - MEAN) / STD
        return {"image": np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])}, None

    def postprocess(self, outputs: Outputs, meta: None) -> int:
        """The class with the largest logit."""
        return int(next(iter(outputs.values())).argmax())

    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """How many there were: random weights are never right."""
        return {"images": float(len(predictions))}

    def _samples(self, split: str, start: int, count: int) -> list[Sample]:
        size = self.options.size
        pictures = self._from_folder(split, start, count) if self.options.data else bundled(split, size, start, count)
        return [
            Sample.from_array(f"{split}-{start + index}", square(picture, size), truth=None, decode=lambda array: array)
            for index, picture in enumerate(pictures)
        ]

    def _from_folder(self, split: str, start: int, count: int) -> Iterator[NDArray[np.uint8]]:
        folder = self.folder / self.options.data / "images" / split
        for path in sorted(folder.glob("*.jpg"))[start : start + count]:
            yield np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)


def bundled(split: str, size: int, start: int, count: int) -> Iterator[NDArray[np.uint8]]:
    """Random crops of scikit-learn's two photographs, each split from its own half of them."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    random = np.random.default_rng(0)
    for index in range(start + count):
        photograph = photographs[index % len(photographs)]
        middle = photograph.shape[1] // 2
        half = photograph[:, :middle] if split == "train2017" else photograph[:, middle:]
        side = int(random.integers(120, min(half.shape[:2])))
        top, left = (int(random.integers(0, edge - side + 1)) for edge in half.shape[:2])
        if index >= start:
            yield half[top : top + side, left : left + side]


def square(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle square of a picture, scaled to (size, size, 3)."""
    side = min(picture.shape[:2])
    top, left = ((edge - side) // 2 for edge in picture.shape[:2])
    middle = np.ascontiguousarray(picture[top : top + side, left : left + side])
    return cv2.resize(middle, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
