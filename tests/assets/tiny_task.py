"""A task for the tests: pictures of four textures, which a tiny network can learn to tell apart.

A file `fault.json` beside the recipe makes it misbehave; it is no part of the task's digest, so finished jobs stay finished.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.tasks import Sample, Task, TaskOptions
from workbench.tasks.base import Inputs, Outputs

SIZE = 16  # pixels, height and width
CLASSES = 4
NOISE = 70.0
CALIBRATION, EVALUATION, SEARCH, TRAINING = "calibration", "evaluation", "search", "training"
FIRST_SEED = {
    CALIBRATION: 0,
    EVALUATION: 10_000,
    SEARCH: 30_000,
    TRAINING: 40_000,
}  # the network was trained on those from 20,000


class Decoded(NamedTuple):
    """A picture, uint8 [16, 16, 3], and the set that it is of."""

    picture: NDArray[np.uint8]
    part: str


def make_picture(label: int, seed: int) -> NDArray[np.uint8]:
    """One noisy picture: rows, columns, a checkerboard or plain grey, for the labels 0 to 3."""
    random = np.random.default_rng([seed, label])
    y, x = np.indices((SIZE, SIZE)) // 2 % 2
    pattern = (y, x, y ^ x, np.full_like(x, 0.5, dtype=float))[label].astype(float)
    contrast = random.uniform(60, 160)
    picture = 128 + contrast * (pattern - 0.5)[:, :, np.newaxis] + random.normal(0, NOISE, (SIZE, SIZE, 3))
    return picture.clip(0, 255).astype(np.uint8)


def normalise(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture as float32 [3, 16, 16] in -1..1."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32) / np.float32(127.5) - np.float32(1)


class TinyOptions(TaskOptions):
    calibration_images: int = Field(8, ge=0)
    evaluation_images: int = Field(32, ge=0)
    search_images: int = Field(0, ge=0)
    training_images: int = Field(0, ge=0)
    labelled: bool = Field(True, description="whether the training pictures' truth can be learned from")
    shared_images: int = Field(0, ge=0, description="evaluation pictures that are calibration pictures too")


class Textures(Task):
    Options = TinyOptions
    primary_metric = "top1"

    def __init__(self, options: TinyOptions, folder: Path) -> None:
        super().__init__(options, folder)
        self._fault = _read_fault(folder / "fault.json")
        self._calls = 0
        if self._fault.get("where") == "load":
            misbehave(self._fault["kind"], {}, folder)
        if self._fault.get("where") == "open":
            self._break_opening()

    def calibration(self) -> Sequence[Sample]:
        return [_sample(CALIBRATION, index) for index in range(self.options.calibration_images)]

    def evaluation(self) -> Sequence[Sample]:
        shared, count = self.options.shared_images, self.options.evaluation_images
        return [_sample(CALIBRATION if index < shared else EVALUATION, index) for index in range(count)]

    def search(self) -> Sequence[Sample]:
        return [_sample(SEARCH, index) for index in range(self.options.search_images)]

    def training(self) -> Sequence[Sample]:
        return [_sample(TRAINING, index) for index in range(self.options.training_images)]

    def augment(self, image: Decoded, random: np.random.Generator) -> Decoded:
        return image._replace(picture=image.picture[:, :: int(random.choice([-1, 1]))])

    def labels(self, truth: int) -> Inputs:
        return {"label": np.array([truth], np.int64)} if self.options.labelled else super().labels(truth)

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        from paddle.nn.functional import cross_entropy

        return cross_entropy(next(iter(outputs.values())), labels["label"], use_softmax=False)

    def read(self, given: str) -> Decoded:
        """The evaluation picture of a number."""
        return _sample(EVALUATION, int(given)).decode()

    def preprocess(self, image: Decoded) -> tuple[Inputs, None]:
        inputs = {"image": normalise(image.picture)[np.newaxis]}
        self._calls += 1
        if self._is_due(image):
            return misbehave(self._fault["kind"], inputs, self.folder), None
        return inputs, None

    def postprocess(self, outputs: Outputs, meta: None) -> int:
        return int(next(iter(outputs.values()))[0].argmax())

    def metric(self, predictions: Sequence[int], truths: Sequence[int]) -> dict[str, float]:
        right = np.array(predictions) == np.array(truths)
        return {"top1": float(100 * right.mean()), "wrong": float((~right).sum())}

    def _is_due(self, image: Decoded) -> bool:
        fault = self._fault
        return (
            bool(fault)
            and fault.get("where", "preprocess") == "preprocess"
            and image.part == fault.get("part", EVALUATION)
            and fault.get("loaded", "sys") in sys.modules
            and self._calls > fault.get("after", 0)
        )

    def _break_opening(self) -> None:
        from workbench.backends.onnx_runtime import OnnxRuntimeSession

        kind, folder = self._fault["kind"], self.folder
        OnnxRuntimeSession._create = lambda session, optimized=None: misbehave(kind, {}, folder)


def misbehave(kind: str, inputs: Inputs, folder: Path) -> Any:
    """End this process, or never return (with its id in the file `hanging`), or return inputs that no model takes."""
    if kind == "abort":
        print("terminate called after a made-up error", file=sys.stderr, flush=True)
        os.abort()
    if kind == "segfault":
        ctypes.string_at(0)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        (folder / "hanging").write_text(str(os.getpid()))
        time.sleep(3600)
    if kind == "exit":
        os._exit(3)
    if kind == "raise":
        raise RuntimeError("a made-up error")
    image = inputs["image"]
    return {
        "dtype": {"image": image.astype(np.float64)},
        "shape": {"image": image[:, :2]},
        "name": {"picture": image},
        "extra": {"image": image, "mask": image},
        "nan": {"image": image * np.float32(np.nan)},
    }[kind]


def _read_fault(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _sample(part: str, index: int) -> Sample:
    label = index % CLASSES
    picture = make_picture(label, seed=index + FIRST_SEED[part])
    return Sample.from_array(f"{part}_{index:03d}", picture, truth=label, decode=lambda array: Decoded(array, part))
