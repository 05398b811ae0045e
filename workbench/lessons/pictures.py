"""Pictures of the teaching notebooks: charts in one style, saved in the run folder, with the sentence that says what is seen."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from workbench.files import write_bytes
from workbench.machine import this_machine
from workbench.report.bars import Panel, render
from workbench.report.embed import show_figures
from workbench.report.fonts import png_of
from workbench.report.picture_grid import Picture, draw_grid
from workbench.report.prose import plot_caption
from workbench.report.series import STYLES, Chart, Series, render_charts

if TYPE_CHECKING:
    from IPython.display import HTML


def show_charts(charts: Sequence[Chart], *, name: str, title: str, seen: str, folder: Path) -> "HTML":
    """Draw the charts under each other as `plots/<name>.png` in `folder`; `seen` is the caption and the alternative text."""
    return _show(render_charts(charts, title=title, caption=seen), name, title, seen, folder)


def show_bars(panels: Sequence[Panel], *, name: str, title: str, seen: str, folder: Path) -> "HTML":
    """The same for bars."""
    return _show(render(panels, title=title, caption=seen), name, title, seen, folder)


def measured_here(seen: str) -> str:
    """What is seen, and the machine that it was measured on."""
    return f"{seen} Measured on {plot_caption([this_machine().as_dict()])}"


def curve(name: str, x: Iterable[float], y: Iterable[float], *, style: int) -> Series:
    """A line without markers, for many points; `style` is its place among the colours."""
    return Series(name, [*map(float, x)], [*map(float, y)], style=(STYLES[style][0], ""))


def show_grid(rows: Sequence[Sequence[Picture]], *, name: str, title: str, seen: str, folder: Path) -> "HTML":
    """The same for pictures side by side, a row for each sample."""
    return show_framed(draw_grid(rows, title=title, caption=seen), name=name, title=title, seen=seen, folder=folder)


def show_framed(figure: Figure, *, name: str, title: str, seen: str, folder: Path) -> "HTML":
    """Save a figure that `report.bars.framed` made as `plots/<name>.png` in `folder`, and show it."""
    return _show(png_of(figure), name, title, seen, folder)


def _show(picture: bytes, name: str, title: str, seen: str, folder: Path) -> "HTML":
    path = folder / "plots" / f"{name}.png"
    write_bytes(path, picture)
    return show_figures(folder, [{"path": path.relative_to(folder), "title": title, "alt": f"Chart: {title}. {seen}"}])
