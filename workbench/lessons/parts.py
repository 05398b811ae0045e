"""Where the end-to-end time goes: pre-processing, inference and post-processing, stacked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from workbench.lessons.pictures import measured_here, show_framed
from workbench.records import Metric, Precision
from workbench.report.bars import COLOURS, HATCHES, PAPER, SLOT, framed
from workbench.report.labels import number, place, row_label, varying

if TYPE_CHECKING:
    from IPython.display import HTML

PARTS = {"preprocess_ms": "before", "run_ms": "inference", "postprocess_ms": "after"}
BEFORE, AFTER = "#DDDDDD", "#999999"  # the same for every precision: quantization does not touch them


@dataclass(frozen=True)
class Split:
    """Mean times of one end-to-end row, in ms: before, during and after inference."""

    place: str
    label: str
    precision: Precision
    before: float
    inference: float
    after: float

    @property
    def total(self) -> float:
        """All three."""
        return self.before + self.inference + self.after


def splits(metrics: Sequence[Metric]) -> list[Split]:
    """The end-to-end rows in parts, in the order of the table."""
    timed = [metric for metric in metrics if metric.name in PARTS]
    shown = varying(timed)

    def row(metric: Metric) -> tuple[str, str, Precision]:
        return place(metric, shown=shown), row_label(metric), metric.precision

    found = []
    for (where, label, precision), group in groupby(timed, key=row):
        means = {PARTS[metric.name]: metric.value for metric in group}
        found.append(Split(where, label, precision, means["before"], means["inference"], means["after"]))
    return found


def show_parts(metrics: Sequence[Metric], *, folder: Path) -> "HTML":
    """A bar for each end-to-end row, in its three parts."""
    found = splits(metrics)
    said = "; ".join(
        f"{split.place}, {split.label}: {_ms(split.before)} + {_ms(split.inference)} + {_ms(split.after)}"
        for split in found
    )
    title = "End-to-end time in its parts"
    seen = measured_here(f"Means in ms, before + inference + after. {said}.")
    slots = len(found) + len({split.place for split in found})
    figure = framed(slots * SLOT + 1.1, title=title, caption=seen)
    _draw(figure.subplots(), found)
    return show_framed(figure, name="parts", title=title, seen=seen, folder=folder)


def _ms(value: float) -> str:
    return number(value, digits=3)


def _draw(axes: Axes, found: Sequence[Split]) -> None:
    ticks: dict[int, str] = {}
    slot = 0
    for where, group in groupby(found, key=lambda split: split.place):
        axes.text(
            0.01, slot, where, transform=axes.get_yaxis_transform(), va="center", fontweight="bold", fontsize=9,
            parse_math=False, bbox=PAPER,
        )  # fmt: skip
        for split in group:
            slot += 1
            ticks[slot] = split.label
            _draw_bar(axes, split, slot)
        slot += 1
    axes.set_yticks(list(ticks), list(ticks.values()), parse_math=False)
    axes.set_ylim(slot - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * max(split.total for split in found))
    axes.set_xlabel("mean time in ms", fontsize=9)
    axes.tick_params(labelsize=9, length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    runs = [
        Patch(facecolor=COLOURS[p], hatch=HATCHES[p], edgecolor="white", label=f"inference, {p.upper()}")
        for p in dict.fromkeys(s.precision for s in found)
    ]
    handles = [Patch(facecolor=BEFORE, label="before"), *runs, Patch(facecolor=AFTER, label="after")]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize=8.5, frameon=False)


def _draw_bar(axes: Axes, split: Split, slot: int) -> None:
    style: dict[str, Any] = {"height": 0.74, "edgecolor": "white", "linewidth": 0}
    axes.barh(slot, split.before, color=BEFORE, **style)
    axes.barh(
        slot,
        split.inference,
        left=split.before,
        color=COLOURS[split.precision],
        hatch=HATCHES[split.precision],
        **style,
    )
    axes.barh(slot, split.after, left=split.before + split.inference, color=AFTER, **style)
    axes.annotate(
        _ms(split.total), (split.total, slot), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5, bbox=PAPER
    )  # fmt: skip
