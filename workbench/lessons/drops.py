"""The points of the task's metric that each model of a lesson loses, as bars."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lessons.pictures import measured_here, show_bars
from workbench.records import Record
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number, place, row_label

if TYPE_CHECKING:
    from IPython.display import HTML


def show_drops(records: Sequence[Record], *, title: str, seen: str, folder: Path) -> "HTML":
    """One bar for each model that a method made, with the drop's paired bootstrap interval."""
    rows = [row for row in records if not row.is_baseline and row.metric_drop is not None]
    axis = f"points of {rows[0].metric_name} lost against FP32, with the paired bootstrap interval"
    return show_bars(
        [Panel("", axis, [_bar(row) for row in rows])],
        name="drops",
        title=title,
        seen=measured_here(seen),
        folder=folder,
    )


def _bar(row: Record) -> Bar:
    value = row.metric_drop or 0.0
    return Bar(place(row, shown=()), row_label(row), row.precision, value, number(value, digits=3), row.drop_low, row.drop_high)  # fmt: skip
