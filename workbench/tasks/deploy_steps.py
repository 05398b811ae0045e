"""The steps of deploy files, each as what it does to a `Preparation`.

They mean what the three projects' own deploy programs make of them (PaddleClas deploy/python/preprocess.py, PaddleDetection
deploy/python/preprocess.py, PaddleSeg paddleseg/transforms): sizes of PaddleDetection are (height, width), those of the others (width, height).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.experiment import validate
from workbench.tasks.preparation import Interpolation, Preparation, Resize

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5)
LETTERBOX_GREY = 128  # the border has 127.5, which cv2 rounds to even
INTERPOLATIONS = {
    "0": Interpolation.NEAREST, "1": Interpolation.LINEAR, "2": Interpolation.CUBIC, "3": Interpolation.AREA,
    "4": Interpolation.LANCZOS, "nearest": Interpolation.NEAREST, "bilinear": Interpolation.LINEAR,
    "linear": Interpolation.LINEAR, "bicubic": Interpolation.CUBIC, "cubic": Interpolation.CUBIC,
    "area": Interpolation.AREA, "lanczos": Interpolation.LANCZOS, "lanczos4": Interpolation.LANCZOS,
}  # fmt: skip


class Step:
    """One step of a deploy file: its arguments are taken one by one, and what is left over is not understood."""

    def __init__(self, name: str, arguments: Mapping[str, Any], path: Path) -> None:
        self.name = name
        self._left = dict(arguments)
        self._path = path

    def take(self, key: str, default: Any = None) -> Any:
        """The value of an argument, or the default where it is not there or empty."""
        value = self._left.pop(key, default)
        return default if value is None else value

    def finish(self) -> None:
        """Raise InputError for an argument that nobody took."""
        if self._left:
            key, value = next(iter(self._left.items()))
            raise self.refused(f"its `{key}: {value}` is not understood")

    def refused(self, reason: str) -> InputError:
        """The error for a step that cannot be followed."""
        return InputError(
            f"deploy file {self._path}: step {self.name}: {reason}; give the task a `preparation` in the recipe"
        )


Fields = dict[str, Any]
"""The fields of a Preparation, as far as the steps have come."""
Reader = Callable[[Step, Fields], Fields]


def follow(steps: list[tuple[str, Mapping[str, Any]]], readers: Mapping[str, Reader], path: Path) -> Preparation:
    """The preparation that steps (name and arguments) come to. Raises InputError for one that is not understood."""
    fields: Fields = {"scale": 1.0}
    for name, arguments in steps:
        step = Step(name, arguments, path)
        if name not in readers:
            raise step.refused(f"not understood (known are {', '.join(readers)})")
        fields = fields | readers[name](step, fields)
        step.finish()
    return validate(Preparation, fields, where=f"deploy file {path}")


def _to_rgb(step: Step, fields: Fields) -> Fields:
    """Images are decoded already, to RGB, pixel by pixel."""
    for key, usual in (("to_rgb", True), ("to_np", False), ("channel_first", False)):
        if step.take(key, usual) != usual:
            raise step.refused(f"its `{key}: {not usual}` is not understood")
    return {}


def _to_planes(step: Step, fields: Fields) -> Fields:
    """Channels first, which is what every preparation makes of an image."""
    step.take("channel_first")
    if step.take("to_bgr", False):
        raise step.refused("its `to_bgr: true` is not understood")
    return {}


def _resize_image(step: Step, fields: Fields) -> Fields:
    """PaddleClas: the short side, before a crop, or (width, height)."""
    if step.take("backend", "cv2") != "cv2":
        raise step.refused("it resizes with PIL, which smooths more than cv2 does")
    found = _interpolation(step, "interpolation", "linear")
    short, size = step.take("resize_short"), step.take("size")
    if short:
        return found | {"short_side": short, "resize": Resize.SHORT_SIDE}
    return found | {"size": _height_width(step, size), "resize": Resize.STRETCH}


def _crop_image(step: Step, fields: Fields) -> Fields:
    size = _height_width(step, step.take("size"))
    if fields.get("resize") is not Resize.SHORT_SIDE:
        raise step.refused("it follows no ResizeImage with `resize_short`")
    return {"size": size}


def _normalize_image(step: Step, fields: Fields) -> Fields:
    """PaddleClas: pixel * scale, minus mean, over deviation, those of ImageNet where not given."""
    step.take("order")
    if step.take("channel_num", 3) != 3 or step.take("output_fp16", False):
        raise step.refused("only three channels of 32-bit floats are understood")
    scale = step.take("scale", 1 / 255)
    return {
        "scale": _number(step, scale),
        "mean": step.take("mean", IMAGENET_MEAN),
        "std": step.take("std", IMAGENET_STD),
    }


def _resize_detection(step: Step, fields: Fields) -> Fields:
    """PaddleDetection: (height, width), stretched, or with both sides in bounds."""
    size = step.take("target_size")
    size = [size, size] if isinstance(size, int) else size
    resize = Resize.FIT if step.take("keep_ratio", True) else Resize.STRETCH
    return _interpolation(step, "interp", 1) | {"size": size, "resize": resize}


def _letterbox(step: Step, fields: Fields) -> Fields:
    size = step.take("target_size")
    size = [size, size] if isinstance(size, int) else size
    return {"size": size, "resize": Resize.LETTERBOX, "interpolation": Interpolation.AREA, "pad": LETTERBOX_GREY}


def _pad(step: Step, fields: Fields) -> Fields:
    """PaddleDetection: filled up below and right to a (height, width) in which the image was made to fit."""
    size, grey = step.take("size"), step.take("fill_value", [114.0, 114.0, 114.0])
    size = [size, size] if isinstance(size, int) else size
    if fields.get("resize") is not Resize.FIT or list(fields["size"]) != list(size) or len({*size}) > 1:
        raise step.refused("it does not follow a Resize with `keep_ratio: true` to the same square")
    if "mean" in fields or len({*grey}) > 1:
        raise step.refused("it fills with something else than a grey level of the image")
    return {"resize": Resize.TOP_LEFT, "pad": int(grey[0])}


def _normalize_detection(step: Step, fields: Fields) -> Fields:
    scale = 1 / 255 if step.take("is_scale", True) else 1.0
    mean, std = step.take("mean", [0.0] * 3), step.take("std", [1.0] * 3)
    plain = step.take("norm_type", "mean_std") == "none"
    return {"scale": scale, "mean": [0.0] * 3 if plain else mean, "std": [1.0] * 3 if plain else std}


def _pad_stride(step: Step, fields: Fields) -> Fields:
    return {"multiple": max(1, int(step.take("stride", 0)))}


def _resize_segmentation(step: Step, fields: Fields) -> Fields:
    """PaddleSeg: (width, height), stretched, or with both sides in bounds."""
    size = _height_width(step, step.take("target_size", [512, 512]))
    resize = Resize.FIT if step.take("keep_ratio", False) else Resize.STRETCH
    return _interpolation(step, "interp", "LINEAR") | {"size": size, "resize": resize}


def _resize_long(step: Step, fields: Fields) -> Fields:
    side = step.take("long_size")
    return {"size": [side, side], "resize": Resize.FIT}


def _normalize_segmentation(step: Step, fields: Fields) -> Fields:
    return {"scale": 1 / 255, "mean": step.take("mean", HALVES), "std": step.take("std", HALVES)}


def _interpolation(step: Step, key: str, usual: str | int) -> Fields:
    name = str(step.take(key, usual)).lower()
    if name not in INTERPOLATIONS:
        raise step.refused(f"its `{key}: {name}` is not understood")
    return {"interpolation": INTERPOLATIONS[name]}


def _height_width(step: Step, size: Any) -> list[int]:
    """A side, or (width, height), as (height, width)."""
    if isinstance(size, int):
        return [size, size]
    if not isinstance(size, list) or len(size) != 2:
        raise step.refused(f"it has no size that is understood, but {size}")
    return [size[1], size[0]]


def _number(step: Step, value: Any) -> float:
    """A number, or a quotient written out, such as 1.0/255.0."""
    try:
        over, _, under = str(value).partition("/")
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        raise step.refused(f"{value!r} is not a number") from None


CLASSIFICATION_STEPS: dict[str, Reader] = {
    "DecodeImage": _to_rgb,
    "ResizeImage": _resize_image,
    "CropImage": _crop_image,
    "NormalizeImage": _normalize_image,
    "ToCHWImage": _to_planes,
}
DETECTION_STEPS: dict[str, Reader] = {
    "Resize": _resize_detection,
    "LetterBoxResize": _letterbox,
    "Pad": _pad,
    "NormalizeImage": _normalize_detection,
    "Permute": _to_planes,
    "PadStride": _pad_stride,
}
SEGMENTATION_STEPS: dict[str, Reader] = {
    "Resize": _resize_segmentation,
    "ResizeByLong": _resize_long,
    "Normalize": _normalize_segmentation,
}
