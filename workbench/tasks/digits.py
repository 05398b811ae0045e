"""The shipped sample task: real handwritten digits, 8x8 scans enlarged to 224x224 pictures, in ten classes."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.tasks.base import Inputs, Outputs, Sample, Task, TaskOptions

IMAGE_SIZE = 224  # pixels, height and width of a decoded picture
TRAIN_SCANS = 1437
HELD_OUT_SCANS = 360
SPLIT_SEED = 0
VALIDATION_SCANS = 360  # the last of the train part: what settings of the shipped networks were chosen by


class Digits(NamedTuple):
    """Scans with their indices in scikit-learn's file: uint8 [n, 8, 8] in 0..16, int64 [n] and int64 [n] in 0..9."""

    scans: NDArray[np.uint8]
    indices: NDArray[np.int64]
    labels: NDArray[np.int64]

    def part(self, rows: NDArray[np.int64] | slice) -> "Digits":
        """Some of the scans, in the order of `rows`."""
        return Digits(self.scans[rows], self.indices[rows], self.labels[rows])


def split_digits(
    scans: NDArray[np.uint8], labels: NDArray[np.int64], *, held_out: int, seed: int
) -> tuple[Digits, Digits]:
    """Split into a train part and a held-out part of about `held_out` scans; every prefix of either is class-balanced.

    Identical scans stay on one side, which makes the held-out part larger than `held_out` where there are any.
    """
    _, first, group = np.unique(scans.reshape(len(scans), -1), axis=0, return_index=True, return_inverse=True)
    position = np.argsort(_balanced_order(labels[first], seed))[group]
    order = np.argsort(position, kind="stable")
    digits, outside = Digits(scans, np.arange(len(scans)), labels), position[order] < held_out
    return digits.part(order[~outside]), digits.part(order[outside])


def _balanced_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A shuffled order that deals the classes out in turn."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[shuffled] == label)
        turn[members] = np.arange(len(members))
    order: NDArray[np.int64] = shuffled[np.lexsort((labels[shuffled], turn))]
    return order


@cache
def load_digits() -> tuple[Digits, Digits]:
    """The fixed train and held-out parts of scikit-learn's 1797 scans."""
    # From its data file: importing scikit-learn, and with it scipy, takes longer than many a job.
    found = find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    rows = np.loadtxt(Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    scans, labels = rows[:, :-1].reshape(-1, 8, 8).astype(np.uint8), rows[:, -1].astype(np.int64)
    return split_digits(scans, labels, held_out=HELD_OUT_SCANS, seed=SPLIT_SEED)


def enlarge(scan: NDArray[np.uint8], size: int = IMAGE_SIZE) -> NDArray[np.uint8]:
    """Enlarge an 8x8 scan in 0..16 to a grey picture of three equal channels, uint8 [size, size, 3] in 0..255."""
    import cv2

    grey = cv2.resize(scan.astype(np.float32) * (255 / 16), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.repeat(np.rint(grey.clip(0, 255)).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def normalise(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn a picture, uint8 [h, w, 3], into float32 [3, h, w] in -1..1, contiguous."""
    planes = np.empty((3, *image.shape[:2]), dtype=np.float32)
    np.multiply(image.transpose(2, 0, 1), np.float32(1 / 127.5), out=planes)
    planes -= 1
    return planes


class DigitsOptions(TaskOptions):
    """How many pictures to use; the rest of the task is fixed."""

    calibration_images: int = Field(128, ge=1, le=TRAIN_SCANS)
    evaluation_images: int | None = Field(None, ge=1, le=HELD_OUT_SCANS, description="all when not given")
    training_images: int | None = Field(
        None, ge=1, le=TRAIN_SCANS, description="all but the search ones when not given"
    )
    search_images: int = Field(256, ge=1, le=TRAIN_SCANS, description="after the calibration ones, in the train part")


class DigitsClassification(Task):
    """Ten-class classification; a prediction is the list of the five likeliest digits, likeliest first."""

    Options = DigitsOptions
    primary_metric = "top1"

    def calibration(self) -> Sequence[Sample]:
        """Class-balanced samples of the train part."""
        return _samples(load_digits()[0], slice(self.options.calibration_images))

    def evaluation(self) -> Sequence[Sample]:
        """Class-balanced samples of the held-out part, which the shipped network never saw in training."""
        return _samples(load_digits()[1], slice(self.options.evaluation_images))

    def search(self) -> Sequence[Sample]:
        """Samples of the train part that come after the calibration samples and repeat none of them."""
        train, first = load_digits()[0], self.options.calibration_images
        seen = {scan.tobytes() for scan in train.scans[:first]}
        fresh = [row for row in range(first, len(train.scans)) if train.scans[row].tobytes() not in seen]
        return _samples(train, np.array(fresh[: self.options.search_images], np.int64))

    def training(self) -> Sequence[Sample]:
        """Samples of the train part that are not in the search set, nor equal to one that is."""
        train = load_digits()[0]
        judged = {sample.digest for sample in self.search()}
        rows = [row for row, scan in enumerate(train.scans) if hashlib.sha256(scan.tobytes()).hexdigest() not in judged]
        return _samples(train, np.array(rows[: self.options.training_images], np.int64))

    def augment(self, image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
        """Shift a picture by up to a sixteenth of its size, with its edge repeated."""
        reach = image.shape[0] // 16
        rows, columns = (np.arange(image.shape[0]) + int(random.integers(-reach, reach + 1)) for _ in range(2))
        shifted: NDArray[np.uint8] = image[rows.clip(0, len(rows) - 1)][:, columns.clip(0, len(columns) - 1)]
        return shifted

    def labels(self, truth: int) -> Inputs:
        """The digit, int64 [1]."""
        return {"label": np.array([truth], np.int64)}

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """Cross entropy of the one output, probabilities float [N, 10]."""
        from paddle.nn.functional import cross_entropy

        return cross_entropy(next(iter(outputs.values())), labels["label"], use_softmax=False)

    def read(self, given: str) -> NDArray[np.uint8]:
        """A user's picture of a digit, light on dark, resized: uint8 [224, 224, 3]."""
        import cv2

        picture: NDArray[np.uint8] = cv2.resize(super().read(given), (IMAGE_SIZE, IMAGE_SIZE))
        return picture

    def preprocess(self, image: NDArray[np.uint8]) -> tuple[Inputs, None]:
        """Turn a picture, uint8 [224, 224, 3], into {"image": float32 [1, 3, 224, 224]} in -1..1."""
        return {"image": normalise(image)[np.newaxis]}, None

    def postprocess(self, outputs: Outputs, meta: None) -> list[int]:
        """Turn the one output, class scores float [1, 10], into the five likeliest digits."""
        scores = next(iter(outputs.values()))[0]
        return [int(digit) for digit in np.argsort(-scores, kind="stable")[:5]]

    def metric(self, predictions: Sequence[Sequence[int]], truths: Sequence[int]) -> dict[str, float]:
        """Percent of the samples whose true digit is the first (`top1`), or among the five (`top5`), predicted."""
        pairs = list(zip(predictions, truths, strict=True))
        top1 = 100 * np.mean([truth == ranked[0] for ranked, truth in pairs])
        top5 = 100 * np.mean([truth in ranked for ranked, truth in pairs])
        return {"top1": float(top1), "top5": float(top5)}


def _samples(digits: Digits, rows: NDArray[np.int64] | slice) -> list[Sample]:
    return [
        Sample.from_array(f"digit_{index:04d}", scan, truth=int(label), decode=enlarge)
        for scan, index, label in zip(*digits.part(rows), strict=True)
    ]
