"""Class maps: packed for json, and compared with the truth by confusion matrices that can be summed."""

import base64
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError

IGNORED = 255
"""The class of a pixel that does not count."""
QUICKLY = 1  # of zlib's levels: a class map is large and simple

ClassMap = NDArray[np.uint8]
"""uint8 [height, width]."""
Truth = ClassMap | Callable[[], ClassMap]
"""A class map, or what reads it from its file when it is needed."""


def pack(classes: ClassMap) -> dict[str, Any]:
    """A class map as json can hold it."""
    data = zlib.compress(classes.tobytes(), QUICKLY)
    return {"size": list(classes.shape), "zlib": base64.b64encode(data).decode("ascii")}


def unpack(packed: dict[str, Any]) -> ClassMap:
    """The class map that `pack` packed."""
    data = zlib.decompress(base64.b64decode(packed["zlib"]))
    return np.frombuffer(data, np.uint8).reshape(packed["size"])


def class_map(truth: Truth) -> ClassMap:
    """The class map that a sample's truth is, or reads."""
    return truth() if callable(truth) else truth


def confusion(predicted: ClassMap, truth: ClassMap, *, classes: int) -> NDArray[np.int64]:
    """Pixels by true class (row) and predicted class (column), int64 [classes, classes], ignored pixels left out.

    Raises InputError for maps of different sizes and for a class outside the range.
    """
    if predicted.shape != truth.shape:
        raise InputError(
            f"segmentation: a prediction of {list(predicted.shape)} pixels for a mask of {list(truth.shape)}; "
            "image and mask must have one size"
        )
    counted = truth != IGNORED
    for name, found in (("mask", truth[counted]), ("prediction", predicted)):
        if found.size and int(found.max()) >= classes:
            raise InputError(
                f"segmentation: class {int(found.max())} in a {name}, and there are {classes} classes, counted from 0; "
                f"give the right `classes`, or {IGNORED} to pixels of a mask that do not count"
            )
    cells = truth[counted].astype(np.int64) * classes + predicted[counted]
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def figures(confused: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Mean IoU and pixel accuracy, in percent, of a confusion matrix, and the IoU of each class.

    A class that neither the truth nor a prediction has has no IoU, and the mean is over the others (Everingham et al.,
    "The Pascal Visual Object Classes Challenge", 2015, section 4.3: intersection over union of each class over all images).
    """
    right, total = np.diag(confused), int(confused.sum())
    union = confused.sum(axis=0) + confused.sum(axis=1) - right
    there = union > 0
    each = {name: 100 * float(right[i] / union[i]) for i, name in enumerate(names) if there[i]}
    mean = float(np.mean(list(each.values()))) if each else 0.0
    accuracy = 100 * float(right.sum()) / total if total else 0.0
    return {"miou": mean, "pixel_accuracy": accuracy} | {f"iou_{name}": value for name, value in each.items()}
