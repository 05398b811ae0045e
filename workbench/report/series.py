"""Drawing points and lines the same way everywhere: a marker and a colour for each series, whiskers, one legend."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workbench.report.bars import framed
from workbench.report.fonts import png_of

# Okabe and Ito's colours, told apart by colour-blind readers, and markers for who sees none.
STYLES = (("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#56B4E9", "v"), ("#D55E00", "P"))
MARKERS = "osD^vP<X>*phd8"  # for series that share a colour
HEIGHT = 2.6  # inches of a panel
IN_AXES = 6  # names in a legend, up to which it stands inside


@dataclass(frozen=True)
class Series:
    """Points (x, y) under a name; `chosen` is the index of the one to point out; with `joined`, a line through them.

    `whiskers` are the low and high ends of each point's interval in y; `style` is a colour and a marker.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    chosen: int | None = None
    joined: bool = True
    whiskers: Sequence[tuple[float, float]] = ()
    style: tuple[str, str] | None = None


@dataclass(frozen=True)
class Chart:
    """One set of axes; `limit` is a value of y to compare with, named by `limit_name`; x is `counted` or measured."""

    x_axis: str
    y_axis: str
    series: Sequence[Series]
    limit: float | None = None
    limit_name: str = ""
    title: str = ""
    counted: bool = True


def render_charts(charts: Sequence[Chart], *, title: str, caption: str) -> bytes:
    """Draw the charts under each other and give the picture as PNG. Series of one name look the same in all."""
    figure = framed(HEIGHT * len(charts), title=title, caption=caption)
    names = list(dict.fromkeys(series.name for chart in charts for series in chart.series))
    for axes, chart in zip(figure.subplots(len(charts), 1, squeeze=False)[:, 0], charts, strict=True):
        _draw(axes, chart, names)
    if len(names) > IN_AXES:
        _legend_beside(figure)
    return png_of(figure)


def _draw(axes: Axes, chart: Chart, names: Sequence[str]) -> None:
    for series in chart.series:
        colour, marker = series.style or STYLES[names.index(series.name) % len(STYLES)]
        line = "-" if series.joined else "none"
        # Lone points may lie on each other.
        size, edge = (6, colour) if series.joined else (9, "white")
        axes.plot(
            series.x, series.y, color=colour, marker=marker, linestyle=line, markersize=size, markeredgecolor=edge,
            markeredgewidth=0.6, label=series.name,
        )  # fmt: skip
        for x, (low, high) in zip(series.x, series.whiskers, strict=False):
            axes.plot([x, x], [low, high], color=colour, linewidth=1)  # a line, for the legend to keep clear of
        if series.chosen is not None:
            at = (series.x[series.chosen], series.y[series.chosen])
            axes.plot(
                *at, marker="o", markersize=13, markerfacecolor="none", markeredgecolor="black", linestyle="none", zorder=3
            )  # fmt: skip
    if chart.limit is not None:
        axes.axhline(chart.limit, color="black", linewidth=1.0, linestyle="--", label=chart.limit_name)
    axes.set_title(chart.title, loc="left", fontsize=10, parse_math=False)
    axes.set_xlabel(chart.x_axis, fontsize=9, parse_math=False)
    axes.set_ylabel(chart.y_axis, fontsize=9, parse_math=False)
    axes.margins(x=0.06, y=0.15)
    axes.grid(color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, length=0)
    if chart.counted:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    if 1 < len(names) <= IN_AXES or chart.limit is not None:
        axes.legend(fontsize=8.5, frameon=False)


def _legend_beside(figure: Figure) -> None:
    """One legend for all charts, to their right, since so many names would cover points."""
    handles = {
        label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8.5, frameon=False)
