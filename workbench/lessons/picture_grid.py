"""Pictures side by side: a row for each sample, a column for each of the truth, FP32 and INT8."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.lessons.pictures import framed, show_framed
from workbench.report.bars import GREY, WIDTH

if TYPE_CHECKING:
    from IPython.display import HTML


@dataclass(frozen=True)
class Picture:
    """An image, uint8 [h, w, 3] or [h, w], under a title; `draw` puts more onto its axes, in pixels. `colour` frames it."""

    image: Any
    title: str
    draw: Callable[[Axes], None] = lambda axes: None
    colour: str = GREY


def show_grid(rows: Sequence[Sequence[Picture]], *, name: str, title: str, seen: str, folder: Path) -> "HTML":
    """Draw the pictures as `plots/<name>.png` in `folder`; `seen` is the caption and the alternative text."""
    return show_framed(draw_grid(rows, title=title, seen=seen), name=name, title=title, seen=seen, folder=folder)


def draw_grid(rows: Sequence[Sequence[Picture]], *, title: str, seen: str) -> Figure:
    """The pictures as one figure; `seen` is its caption."""
    across = max(len(row) for row in rows)
    figure = framed((WIDTH / across + 0.25) * len(rows), title=title, seen=seen)
    for line, row in zip(figure.subplots(len(rows), across, squeeze=False), rows, strict=True):
        for axes, picture in zip(line, row, strict=True):
            _draw(axes, picture)
    return figure


def _draw(axes: Axes, picture: Picture) -> None:
    axes.imshow(picture.image, cmap="gray", interpolation="nearest")
    axes.set_title(picture.title, fontsize=8.5, color=picture.colour, parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(picture.colour)
        spine.set_linewidth(2)
    picture.draw(axes)
