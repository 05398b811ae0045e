"""The networks that can be had without trained weights: their names, inputs and builders; nothing here needs a runtime."""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import InputError

PACKAGES = {"ppdet": "paddledet==2.6.0", "paddleseg": "paddleseg==2.8.0"}
"""Packages of the extra `networks` by the name that is imported, as pip takes them."""

ANY = -1


@dataclass(frozen=True)
class Input:
    """An input of a network. `shape` starts with the batch axis, -1 for any number; integers are 0 to `below` - 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int = 0


@dataclass(frozen=True)
class Architecture:
    """A network by name: `builder` is `module:function` here, called with the shapes of the inputs, and gives a Paddle layer.

    `package` has its layers, where not Paddle; `nms` tells where a detector's boxes are suppressed, as rows do.
    """

    name: str
    builder: str
    inputs: tuple[Input, ...]
    package: str = ""
    nms: str = ""

    def missing(self) -> str:
        """Why it cannot be built here, and what to install; empty when it can."""
        if not self.package or importlib.util.find_spec(self.package) is not None:
            return ""
        return f"its layers come from {self.package}, which is not installed: pip install --no-deps {PACKAGES[self.package]}"

    def with_shapes(self, shapes: Mapping[str, Sequence[int]]) -> "Architecture":
        """The same network for inputs of other shapes; raises InputError for an input or a shape that it cannot have."""
        known = {given.name: given for given in self.inputs}
        for name, shape in shapes.items():
            if name not in known:
                raise InputError(
                    f"architecture {self.name}: input_shapes names {name!r}; its inputs are: {', '.join(known)}"
                )
            if len(shape) != len(known[name].shape):
                raise InputError(
                    f"architecture {self.name}: input_shapes gives {name!r} the shape {list(shape)}; give {len(known[name].shape)} axes, as in {list(known[name].shape)}"
                )
            known[name] = replace(known[name], shape=tuple(shape))
        return replace(self, inputs=tuple(known.values()))

    def with_images_within(self, side: int) -> "Architecture":
        """The same network for images of at most so many pixels a side."""
        cut = (replace(i, shape=(*i.shape[:2], *(min(axis, side) for axis in i.shape[2:]))) for i in self.inputs)
        return replace(self, inputs=tuple(cut))

    def build(self) -> Any:
        """The Paddle layer with whatever weights its own modules start from."""
        module, _, function = self.builder.partition(":")
        build = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        return build(*(given.shape for given in self.inputs))


def _image(name: str, height: int, width: int) -> tuple[Input, ...]:
    return (Input(name, (ANY, 3, height, width)),)


def _sentences(length: int, vocabulary: int) -> tuple[Input, ...]:
    shape = (ANY, length)
    return Input("input_ids", shape, "int64", vocabulary), Input("token_type_ids", shape, "int64", 2)


def _detector(name: str, builder: str, image: str, side: int, package: str = "") -> Architecture:
    return Architecture(name, builder, _image(image, side, side), package, nms="outside")


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture("mobilenet_v1", "vision:mobilenet_v1", _image("inputs", 224, 224)),
        Architecture("mobilenet_v2", "vision:mobilenet_v2", _image("inputs", 224, 224)),
        Architecture("resnet50", "vision:resnet50", _image("inputs", 224, 224)),
        Architecture("resnet101", "vision:resnet101", _image("inputs", 224, 224)),
        Architecture("vgg16", "vision:vgg16", _image("inputs", 224, 224)),
        Architecture("vgg19", "vision:vgg19", _image("inputs", 224, 224)),
        Architecture("resnet50_vd", "resnet_vd:resnet50_vd", _image("inputs", 224, 224)),
        _detector("yolov5s", "yolov5:yolov5s", "images", 640),
        _detector("yolov6s", "yolov6:yolov6s", "images", 640),
        _detector("yolov7", "yolov7:yolov7", "images", 640),
        _detector("ppyoloe_l", "paddledetection:ppyoloe_l", "image", 640, "ppdet"),
        _detector("ssd_mobilenet_v1", "paddledetection:ssd_mobilenet_v1", "image", 300, "ppdet"),
        _detector("yolov3_mobilenet_v1", "paddledetection:yolov3_mobilenet_v1", "image", 608, "ppdet"),
        _detector("yolov3_mobilenet_v3", "paddledetection:yolov3_mobilenet_v3", "image", 608, "ppdet"),
        _detector("yolov3_darknet53", "paddledetection:yolov3_darknet53", "image", 608, "ppdet"),
        _detector("ppyolo_mobilenet_v3", "paddledetection:ppyolo_mobilenet_v3", "image", 320, "ppdet"),
        _detector("ppyolo_r50vd", "paddledetection:ppyolo_r50vd", "image", 608, "ppdet"),
        _detector("ppyolov2_r50vd", "paddledetection:ppyolov2_r50vd", "image", 640, "ppdet"),
        # Cityscapes at half its size, as in the speed table of its paper.
        Architecture("pp_liteseg_t", "paddlesegmentation:pp_liteseg_t", _image("x", 512, 1024), "paddleseg"),
        Architecture("ernie_base", "ernie:ernie_base", _sentences(128, 18000)),
    )
}


def find_architecture(name: str, shapes: Mapping[str, Sequence[int]]) -> Architecture:
    """A network by name, for inputs of the given shapes; raises InputError when there is none or they do not fit."""
    if name not in ARCHITECTURES:
        raise InputError(f"architecture {name!r}: not known; architectures are: {', '.join(sorted(ARCHITECTURES))}")
    return ARCHITECTURES[name].with_shapes(shapes)


def code_files() -> list[Path]:
    """The files that decide what a network is, for hashing: a changed one is built again."""
    return sorted(Path(__file__).parent.glob("*.py"))
