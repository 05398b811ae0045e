"""Boxes on pictures: what is there, what FP32 finds and what INT8 finds."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from workbench.lessons.examples import Example, named
from workbench.lessons.picture_grid import Picture, show_grid
from workbench.report.bars import COLOURS, GREY

if TYPE_CHECKING:
    from IPython.display import HTML

SHOWN_SCORE = 0.4
LABEL: dict[str, Any] = {"fontsize": 7, "color": "white", "va": "bottom", "ha": "left", "parse_math": False}


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
        boxes, title, colour = [(*box, "") for box in example.truth["boxes"]], "truth", GREY
    else:
        boxes = [(row[0], *row[2:], f" {row[1]:.2f}") for row in _shown(example, precision)]
        title, colour = f"{precision.upper()}: mAP {example.figures[precision]['mAP']:.1f}", COLOURS[precision]
    return Picture(example.image, title, partial(draw_boxes, boxes=boxes, classes=classes, colour=colour), colour)


def draw_boxes(axes: Axes, *, boxes: Sequence[Any], classes: Sequence[str], colour: str) -> None:
    """Draw rows (class, x1, y1, x2, y2, text behind the class's name), in pixels."""
    from matplotlib.patches import Rectangle

    for number, x1, y1, x2, y2, score in boxes:
        axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=1.6))
        said = f"{named(classes, int(number))}{score}"
        axes.text(x1, y1, said, bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8}, **LABEL)


def _shown(example: Example, precision: Any) -> list[Any]:
    return [row for row in example.predictions[precision] if row[1] >= SHOWN_SCORE]


def _count(example: Example) -> str:
    found = ", ".join(f"{len(_shown(example, p))} boxes of {p.upper()}" for p in example.predictions)
    return f"{len(example.truth['boxes'])} there, {found}"
