"""Drawing horizontal bar charts the same way everywhere: colours, hatches, whiskers, values on the bars."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.records import Precision
from workbench.report.fonts import add_chinese, png_of

# Okabe and Ito's colours, told apart by colour-blind readers: blues and green are float, oranges are quantized.
COLOURS = {
    Precision.FP32: "#0072B2",
    Precision.FP16: "#56B4E9",
    Precision.BF16: "#009E73",
    Precision.INT8: "#E69F00",
    Precision.INT8_FP16: "#D55E00",
}
HATCHES = {
    Precision.FP32: "",
    Precision.FP16: "..",
    Precision.BF16: "xx",
    Precision.INT8: "//",
    Precision.INT8_FP16: "\\\\",
}
WIDTH = 9.0  # inches
SLOT = 0.27  # inches of height for a bar or a heading
CHARACTER = 0.015  # of the axes' width, for one of the value beside a bar
LABEL_LENGTH = 36  # characters of a name that fit beside a bar
CAPTION_LENGTH = 140  # characters of the caption in a line
HEADING_LENGTH = 64  # characters of a heading
GREY = "#555555"
LIGHT_GREY, DARK_GREY = "#C8C8C8", "#6E6E6E"
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}  # behind text, over lines


@dataclass(frozen=True)
class Bar:
    """One bar: `place` is the heading it stands under, `low` and `high` the ends of its whisker.

    `before` and `after` are lengths of a light and a dark grey part on its two sides.
    """

    place: str
    label: str
    precision: Precision
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    before: float = 0.0
    after: float = 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that bar and whisker reach."""
        whole = self.before + self.value + self.after
        reached = [value for value in (whole, self.low, self.high) if value is not None]
        return min(reached), max(reached)


@dataclass(frozen=True)
class Panel:
    """One set of axes; `reference` is a value to compare with, `bands` a range of noise for the bars of a place."""

    title: str
    axis: str
    bars: Sequence[Bar]
    reference: float | None = None
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def framed(height: float, *, title: str, caption: str) -> Figure:
    """An empty figure whose content is `height` inches high, with its title above and the caption below."""
    add_chinese()
    captions = textwrap.wrap(printable(caption), CAPTION_LENGTH)
    figure = Figure(figsize=(WIDTH, height + 0.5 + 0.17 * len(captions)), dpi=110, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", parse_math=False)
    figure.supxlabel("\n".join(captions), x=0.01, ha="left", fontsize=8, color=GREY, parse_math=False)
    return figure


def render(panels: Sequence[Panel], *, title: str, caption: str) -> bytes:
    """Draw the panels under each other and give the picture as PNG."""
    heights = [_slots(panel) * SLOT + 0.85 for panel in panels]
    figure = framed(sum(heights), title=title, caption=caption)
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _draw(axes, panel)
    return png_of(figure)


def _slots(panel: Panel) -> int:
    return len(panel.bars) + len({bar.place for bar in panel.bars})


def _draw(axes: Axes, panel: Panel) -> None:
    ticks: dict[int, str] = {}
    slot = 0
    for place, group in groupby(panel.bars, key=lambda bar: bar.place):
        _draw_heading(axes, place, slot)
        bars = list(group)
        if place in panel.bands:
            ends = [slot + 0.5, slot + len(bars) + 0.5]
            axes.fill_betweenx(ends, *panel.bands[place], color="#BBBBBB", alpha=0.6, linewidth=0, zorder=0.5)
        for bar in bars:
            slot += 1
            ticks[slot] = shortened(bar.label, LABEL_LENGTH)
            _draw_bar(axes, bar, slot)
        slot += 1
    axes.set_yticks(list(ticks), list(ticks.values()), parse_math=False)
    axes.set_ylim(slot - 0.4, -0.6)
    _finish(axes, panel)


def _draw_heading(axes: Axes, place: str, slot: int) -> None:
    axes.text(
        0.01, slot, shortened(place, HEADING_LENGTH), transform=axes.get_yaxis_transform(),
        va="center", fontweight="bold", fontsize=9, parse_math=False, clip_on=True, bbox=PAPER,
    )  # fmt: skip


def _draw_bar(axes: Axes, bar: Bar, slot: int) -> None:
    colour, hatch = COLOURS[bar.precision], HATCHES[bar.precision]
    shape: dict[str, Any] = {"height": 0.74, "edgecolor": "white", "linewidth": 0}
    axes.barh(slot, bar.value, left=bar.before, color=colour, hatch=hatch, **shape)
    if bar.before or bar.after:
        axes.barh(slot, bar.before, color=LIGHT_GREY, **shape)
        axes.barh(slot, bar.after, left=bar.before + bar.value, color=DARK_GREY, **shape)
    low, high = bar.ends
    if high > low:
        whisker = [[bar.value - low], [high - bar.value]]
        axes.errorbar(bar.value, slot, xerr=whisker, color="black", capsize=3, linewidth=1)
    side = -1 if bar.value < 0 else 1
    axes.annotate(
        bar.text, (low if side < 0 else max(high, 0), slot), xytext=(5 * side, 0), textcoords="offset points",
        ha="right" if side < 0 else "left", va="center", fontsize=8.5,
        bbox=PAPER,
    )  # fmt: skip


def _finish(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=10, parse_math=False)
    axes.set_xlabel(panel.axis, fontsize=9, parse_math=False)
    axes.set_xlim(*_limits(panel))
    axes.tick_params(labelsize=9, length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.axvline(0, color="black", linewidth=0.8)
    if panel.reference is not None:
        axes.axvline(panel.reference, color="black", linewidth=1.2, linestyle="--")


def _limits(panel: Panel) -> tuple[float, float]:
    """From zero to the longest bar, whisker or line, with room for the value beside it."""
    ends = [end for bar in panel.bars for end in bar.ends] + [0.0, panel.reference or 0.0]
    least, most = min(ends), max(ends)
    longest = max((len(bar.text) for bar in panel.bars), default=0)
    room = max(0.14, CHARACTER * longest) * (most - least) or 1.0
    return (least - room if least < 0 else 0.0), most + room


def shortened(text: str, length: int) -> str:
    """Text on one line, with an ellipsis for its middle where it is too long: names differ at either end."""
    line = printable(text)
    if len(line) <= length:
        return line
    tail = length // 2
    return f"{line[: length - 1 - tail]}…{line[-tail:]}"


def printable(text: str) -> str:
    """Text on one line, without characters that no font has."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
