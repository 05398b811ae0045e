"""Boxes on pictures: what is there, what FP32 finds and what INT8 finds."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.lessons.examples import Example
from workbench.lessons.pictures import show_grid
from workbench.report.bars import COLOURS, GREY
from workbench.report.labels import class_name
from workbench.report.picture_grid import Picture, draw_boxes

if TYPE_CHECKING:
    from IPython.display import HTML

SHOWN_SCORE = 0.4


def show_boxes(examples: Sequence[Example], *, backend: str, folder: Path, classes: Sequence[str] = ()) -> "HTML":
    """A row for each example; boxes with a score of at least 0.4 and their class, under each picture's own mAP.

    A class without a name in `classes` is shown by its number.
    """
    rows = [
        [_picture(example, classes, precision) for precision in (None, *example.predictions)] for example in examples
    ]
    said = [f"{example.key}: {_count(example)}" for example in examples]
    return show_grid(
        rows, name="boxes", title=f"The samples of which INT8 loses most on {backend}", folder=folder,
        seen=f"Boxes with a score of {SHOWN_SCORE} or more; mAP is that of the picture alone. {'; '.join(said)}.",
    )  # fmt: skip


def _picture(example: Example, classes: Sequence[str], precision: Any) -> Picture:
    if precision is None:
        boxes = [(class_name(classes, int(box[0])), *box[1:5]) for box in example.truth["boxes"]]
        title, colour = "truth", GREY
    else:
        boxes = [(f"{class_name(classes, int(row[0]))} {row[1]:.2f}", *row[2:]) for row in _shown(example, precision)]
        title, colour = f"{precision.upper()}: mAP {example.figures[precision]['mAP']:.1f}", COLOURS[precision]
    return Picture(example.image, title, partial(draw_boxes, boxes=boxes, colour=colour), colour)


def _shown(example: Example, precision: Any) -> list[Any]:
    return [row for row in example.predictions[precision] if row[1] >= SHOWN_SCORE]


def _count(example: Example) -> str:
    found = ", ".join(f"{len(_shown(example, p))} boxes of {p.upper()}" for p in example.predictions)
    return f"{len(example.truth['boxes'])} there, {found}"
