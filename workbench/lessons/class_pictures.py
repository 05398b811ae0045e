"""Class maps beside their picture: the truth, FP32's, INT8's, and the pixels in which INT8 differs from FP32."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from workbench.lessons.examples import Example
from workbench.lessons.pictures import show_grid
from workbench.report.bars import COLOURS, GREY
from workbench.report.picture_grid import Picture, coloured
from workbench.tasks.segmentation.class_maps import ClassMap, class_map, unpack

if TYPE_CHECKING:
    from IPython.display import HTML

LABELLED = 40  # pixels of a region, from which it carries its class's name


def show_class_maps(examples: Sequence[Example], *, classes: Sequence[str], backend: str, folder: Path) -> "HTML":
    """A row for each example: picture, truth, class maps with the sample's own mean IoU, and where they differ."""
    rows = [_row(example, classes) for example in examples]
    said = [f"{example.key}: {differing(example).mean():.2%}" for example in examples]
    return show_grid(
        rows, name="class_maps", title=f"The samples of which INT8 loses most on {backend}", folder=folder,
        seen=f"mIoU is that of the picture alone. Pixels to which INT8 gives another class than FP32: {'; '.join(said)}.",
    )  # fmt: skip


def _row(example: Example, classes: Sequence[str]) -> list[Picture]:
    found = {precision: unpack(packed) for precision, packed in example.predictions.items()}
    maps = [
        Picture(
            coloured(class_map(example.truth)),
            "truth",
            partial(_name, classes=classes, found=class_map(example.truth)),
        )
    ]
    maps += [
        Picture(
            coloured(classes_found), f"{precision.upper()}: mIoU {example.figures[precision]['miou']:.1f}",
            partial(_name, classes=classes, found=classes_found), COLOURS[precision],
        )
        for precision, classes_found in found.items()
    ]  # fmt: skip
    black = np.where(differing(example)[..., np.newaxis], np.uint8(0), np.uint8(255)).repeat(3, axis=2)
    return [Picture(example.image, "picture"), *maps, Picture(black, "INT8 differs")]


def differing(example: Example) -> NDArray[np.bool_]:
    """The pixels of which FP32 and INT8 think differently, bool [h, w]."""
    first, second = (unpack(packed) for packed in example.predictions.values())
    differing: NDArray[np.bool_] = first != second
    return differing


def _name(axes: Axes, *, classes: Sequence[str], found: ClassMap) -> None:
    """Write its class's name on each larger region, where there is more than one to tell from the ground."""
    import cv2

    for number in np.unique(found[found > 0]) if len(classes) > 2 else ():
        _, _, statistics, centres = cv2.connectedComponentsWithStats((found == number).astype(np.uint8))
        for region, (x, y) in zip(statistics[1:], centres[1:], strict=True):
            if region[cv2.CC_STAT_AREA] >= LABELLED:
                axes.text(
                    x, y, classes[number], fontsize=8, ha="center", va="center", color="black", parse_math=False,
                    bbox={"facecolor": "white", "edgecolor": GREY, "alpha": 0.85, "pad": 0.8},
                )  # fmt: skip
