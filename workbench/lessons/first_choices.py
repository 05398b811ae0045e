"""Pictures with the classes that FP32 and INT8 take them for."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from workbench.lessons.examples import Example
from workbench.lessons.pictures import show_grid
from workbench.records import Precision
from workbench.report.bars import COLOURS
from workbench.report.picture_grid import Picture

if TYPE_CHECKING:
    from IPython.display import HTML

ACROSS = 5  # pictures in a row


def show_choices(examples: Sequence[Example], *, backend: str, folder: Path) -> "HTML":
    """Each example with its true class and the first choice of FP32 and INT8."""
    pictures = [_picture(example) for example in examples]
    rows = [pictures[start : start + ACROSS] for start in range(0, len(pictures), ACROSS)]
    lost = sum(_is_right(example, Precision.FP32) and not _is_right(example, Precision.INT8) for example in examples)
    said = "; ".join(f"{example.key}: {_said(example)}" for example in examples)
    return show_grid(
        rows, name="choices", title=f"The samples of which INT8 loses most on {backend}", folder=folder,
        seen=f"INT8 errs where FP32 does not in {lost} of these {len(examples)}. {said}.",
    )  # fmt: skip


def _picture(example: Example) -> Picture:
    return Picture(example.image, f"truth {example.truth}", partial(_draw, example=example))


def _draw(axes: Axes, *, example: Example) -> None:
    for line, (precision, ranked) in enumerate(example.predictions.items()):
        axes.text(
            0.03, 0.03 + 0.13 * line, f"{precision.upper()}: {ranked[0]}", transform=axes.transAxes, fontsize=9, color="white",
            bbox={"facecolor": COLOURS[precision], "edgecolor": "none", "pad": 1.5}, parse_math=False,
        )  # fmt: skip


def _is_right(example: Example, precision: Precision) -> bool:
    return bool(example.predictions[precision][0] == example.truth)


def _said(example: Example) -> str:
    choices = ", ".join(f"{precision.upper()} says {ranked[0]}" for precision, ranked in example.predictions.items())
    return f"{choices}, it is {example.truth}"
