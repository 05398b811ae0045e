"""Ten classes of small photographs (CIFAR-10's layout), for the methods that calibrate and for those that train.

The samples come from one npz file: `x_train` uint8 [n, 32, 32, 3] in RGB, `y_train` int [n] in 0..9, and `x_test`, `y_test`
likewise. The last training images are the search set, and `train.py` keeps them out of training too.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from workbench.errors import InputError
from workbench.tasks import Inputs, Outputs, Sample, Task, TaskOptions

SIZE = 32  # pixels, both sides
CLASSES = 10
SHIFT = 4  # pixels, at most, in any direction
SEARCH_IMAGES = 1000
MEAN = np.array([125.3, 123.0, 113.9], np.float32)  # RGB, in grey levels, of CIFAR-10's training images
STD = np.array([63.0, 62.1, 66.7], np.float32)

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Photographs:
    """Images, uint8 [n, 32, 32, 3], and their classes, int64 [n]."""

    images: Images
    classes: NDArray[np.int64]

    def part(self, rows: slice) -> "Photographs":
        return Photographs(self.images[rows], self.classes[rows])


def read_photographs(path: Path, split: str) -> Photographs:
    """The `train` or the `test` part of the npz file. Raises InputError when the file is not there or has another layout."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, classes = arrays[f"x_{split}"], arrays[f"y_{split}"]
    except FileNotFoundError:
        raise InputError(f"data: no file {path}; name the npz file with the photographs") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"data: cannot read x_{split} and y_{split} from {path}: {error}; give an npz file") from None
    if images.dtype != np.uint8 or images.shape != (len(classes), SIZE, SIZE, 3):
        raise InputError(
            f"data: x_{split} in {path} is {images.dtype} {list(images.shape)}; needed: uint8 [{len(classes)}, {SIZE}, {SIZE}, 3]"
        )
    return Photographs(images, classes.astype(np.int64))


def split_train(path: Path, *, search_images: int = SEARCH_IMAGES) -> tuple[Photographs, Photographs]:
    """The photographs to learn from, and the last `search_images`, by which settings are chosen. Raises InputError."""
    known = read_photographs(path, "train")
    if search_images >= len(known.classes):
        raise InputError(
            f"search_images: {search_images} leave none of the {len(known.classes)} training images in {path}; take fewer"
        )
    return known.part(slice(-search_images)), known.part(slice(-search_images, None))


def normalise(images: Images) -> NDArray[np.float32]:
    """Turn images, uint8 [n, height, width, 3], into planes of mean 0 and variance 1, float32 [n, 3, height, width]."""
    return np.ascontiguousarray(((images - MEAN) / STD).transpose(0, 3, 1, 2))


class PhotographOptions(TaskOptions):
    """What the recipe may write under `task.options`."""

    data: Path  # the npz file
    calibration_images: PositiveInt = 64  # the first training images
    training_images: PositiveInt | None = None  # None: all but the search set
    search_images: PositiveInt = SEARCH_IMAGES  # the last training images; as many as train.py held out
    evaluation_images: PositiveInt | None = None  # None: all test images


class Photography(Task):
    """Ten-class classification; a prediction is the list of the five likeliest classes, likeliest first."""

    Options = PhotographOptions
    primary_metric = "top1"

    def calibration(self) -> Sequence[Sample]:
        """The first training images; the ranges need no labels."""
        return as_samples("train", self._split()[0].part(slice(self.options.calibration_images)))

    def training(self) -> Sequence[Sample]:
        """The training images without the search set."""
        return as_samples("train", self._split()[0].part(slice(self.options.training_images)))

    def search(self) -> Sequence[Sample]:
        """The last training images, which the network never learned from."""
        return as_samples("search", self._split()[1])

    def evaluation(self) -> Sequence[Sample]:
        """The test images."""
        test = read_photographs(self.folder / self.options.data, "test")
        return as_samples("test", test.part(slice(self.options.evaluation_images)))

    def augment(self, image: Images, random: np.random.Generator) -> Images:
        """Shift an image by up to 4 pixels, its edge mirrored, and flip every other one."""
        down, right = random.integers(0, 2 * SHIFT + 1, 2)
        padded = np.pad(image, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")
        shifted: Images = padded[down : down + SIZE, right : right + SIZE]
        return shifted[:, ::-1] if random.random() < 0.5 else shifted

    def labels(self, truth: int) -> Inputs:
        """The class, int64 [1]."""
        return {"label": np.array([truth], np.int64)}

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """Cross entropy of the one output, probabilities float [n, 10]."""
        from paddle.nn.functional import cross_entropy

        return cross_entropy(next(iter(outputs.values())), labels["label"], use_softmax=False)

    def preprocess(self, image: Images) -> tuple[Inputs, None]:
        """Turn an image, uint8 [32, 32, 3], into {"image": float32 [1, 3, 32, 32]}."""
        return {"image": normalise(image[None])}, None

    def postprocess(self, outputs: Outputs, meta: None) -> list[int]:
        """Turn the one output, class scores float [1, 10], into the five likeliest classes."""
        scores = next(iter(outputs.values()))[0]
        return [int(found) for found in np.argsort(-scores, kind="stable")[:5]]

    def metric(self, predictions: Sequence[Sequence[int]], truths: Sequence[int]) -> dict[str, float]:
        """Percent of the images whose class is the first (`top1`), or among the five (`top5`), predicted."""
        ranked, wanted = np.array(predictions), np.array(truths)[:, None]
        return {
            "top1": 100 * float((ranked[:, :1] == wanted).mean()),
            "top5": 100 * float((ranked == wanted).any(axis=1).mean()),
        }

    def _split(self) -> tuple[Photographs, Photographs]:
        return split_train(self.folder / self.options.data, search_images=self.options.search_images)


def as_samples(name: str, photographs: Photographs) -> list[Sample]:
    """One sample per photograph, numbered from 0."""
    return [
        Sample.from_array(f"{name}_{number:05d}", image, truth=int(found), decode=lambda array: array)
        for number, (image, found) in enumerate(zip(photographs.images, photographs.classes, strict=True))
    ]
