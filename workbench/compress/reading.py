"""What a configuration becomes: a recipe, the account of its keys, and where the result is to be written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.compress.account import Account, ConfigPath, Entry
from workbench.errors import InputError
from workbench.experiment import Recipe, validate
from workbench.quant.registry import METHODS
from workbench.quant.training.options import TrainedOptions
from workbench.records import Device, Precision
from workbench.tasks.image_folder import ImageFolderOptions, Preprocess, find_images

DEPLOYMENTS = {
    Device.CPU: ("paddle_inference", "onnxruntime", "openvino"),
    Device.GPU: ("tensorrt", "onnxruntime", "paddle_tensorrt"),
}
PTQ_STEM = "model"
CALIBRATION_FOLDER = "task.options.calibration_folder"
TRAINING_FOLDER = f"{CALIBRATION_FOLDER}; its images train, but for up to 100 on which outputs are compared"


@dataclass(frozen=True)
class Flags:
    """What the command line says in place of the configuration."""

    model: Path | None = None
    images: Path | None = None
    preprocess: Preprocess | None = None
    inputs: tuple[str, ...] = ()
    task: Path | None = None
    teacher: Path | None = None
    device: Device = Device.CPU


@dataclass(frozen=True)
class Source:
    """The FP32 model: what the recipe says of it, its paths to check, and the stem of the files to write."""

    recipe: dict[str, Any]
    paths: tuple[ConfigPath, ...]
    stem: str


@dataclass(frozen=True)
class Data:
    """The task: what the recipe says of it, and its paths to check."""

    recipe: dict[str, Any]
    paths: tuple[ConfigPath, ...] = ()

    @property
    def has_metric(self) -> bool:
        """Whether models can be judged by it: a user's task can, a folder of images cannot."""
        return "file" in self.recipe

    def batches_per_epoch(self, batch_size: int | None) -> int | None:
        """Training batches in one pass over the images that train, where the folder of them is there."""
        if not batch_size or self.has_metric:
            return None
        options = validate(ImageFolderOptions, self.recipe["options"], where="task images")
        if not options.calibration_folder.is_dir():
            return None
        images = len(find_images(options.calibration_folder))
        kept = min(options.evaluation_images, max(0, images - (options.calibration_images or images)))
        return max(1, (images - kept) // batch_size)


@dataclass(frozen=True)
class Reading:
    """A recipe and how it came about. `nothing` says why the recipe makes no model, where that is so."""

    recipe: Recipe
    entries: tuple[Entry, ...]
    paths: tuple[ConfigPath, ...]
    stem: str
    nothing: str = ""


def compose(
    account: Account, *, name: str, where: str, source: Source, data: Data, flags: Flags, otherwise: str,
    method: str = "", options: dict[str, Any] | None = None, nothing: str = "",
) -> Reading:  # fmt: skip
    """The Reading of what was found; raises InputError when an option is not valid or a method lacks its labels."""
    if method and _learns_from_labels(method, options or {}, where) and flags.task is None:
        raise InputError(
            f"{where}: this trains from labels (method {method}); give your data and its labels with --task FILE, a python file with a Task"
        )
    integer = bool(method) and METHODS[method].integer
    recipe = {
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-") or "compress",
        # What is written is to be what was given, suppression included.
        "model": source.recipe | {"strip_nms": False},
        "task": data.recipe,
        "quantize": [{"method": method, **(options or {})}] if method else [],
        "deploy": [
            {"backend": b, "device": flags.device, "precision": [_integers_of(b) if integer else Precision.FP32]}
            for b in DEPLOYMENTS[flags.device]
        ],
    }
    stem = PTQ_STEM if method == "static" else source.stem
    checked = validate(Recipe, recipe, where=where)
    return Reading(checked, tuple(account.entries(otherwise)), source.paths + data.paths, stem, nothing)


def _integers_of(backend: str) -> Precision:
    """How a backend computes a quantized model: Paddle-TensorRT has INT8 only beside FP16."""
    return Precision.INT8_FP16 if backend == "paddle_tensorrt" else Precision.INT8


def _learns_from_labels(method: str, options: dict[str, Any], where: str) -> bool:
    parsed = validate(METHODS[method].Options, options, where=f"{where}, read as method {method}")
    return isinstance(parsed, TrainedOptions) and parsed.plan().labels


def source_of(path: Path) -> Source:
    """The model that a flag names."""
    return Source({"path": str(path), "name": path.stem if path.is_file() else path.name}, (), path.stem)


def images_of(account: Account, key: str, flags: Flags, *, preprocess: Preprocess | None, inputs: Sequence[str], options: dict[str, Any], trained: bool) -> Data:  # fmt: skip
    """The task: the flag's python file, or the folder of images that leaf `key` or the flag names.

    `trained` tells whether the images are learned from, or only calibrated on.
    """
    if flags.task is not None:
        if flags.images or flags.preprocess or flags.inputs:
            raise InputError(
                f"--task {flags.task}: it brings its own data; leave --images, --preprocess and --input out"
            )
        account.skip(key, "--task is given")
        return Data({"file": str(flags.task)})
    if flags.images is not None:
        account.skip(key, "--images is given")
        folder, paths = str(flags.images), tuple[ConfigPath, ...]()
    elif (found := account.path(key, TRAINING_FOLDER if trained else CALIBRATION_FOLDER, flag="--images")) is not None:
        folder, paths = str(found.path), (found,)
    else:
        raise InputError("no images are named in the configuration; give a folder of them with --images")
    chosen = flags.preprocess or preprocess
    if chosen is None:
        raise InputError(
            f"how to turn images into inputs is not named in the configuration; give it with --preprocess ({', '.join(Preprocess)}), or a python file with --task"
        )
    listed = list(flags.inputs or inputs)
    named = {"input_list": listed} if listed else {}
    recipe = {
        "name": "images",
        "options": {"calibration_folder": folder, "preprocess": str(chosen), **named, **options},
    }
    return Data(recipe, paths)
