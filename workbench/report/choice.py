"""A recommended method as a notebook shows it: the recipe's lines, the reason, and what a run measured of it."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from workbench.quant import Data, Goal, Recommendation, Target, Time, recommend
from workbench.records import Record
from workbench.report.embed import tables_html
from workbench.report.methods import methods_tables

if TYPE_CHECKING:
    from IPython.display import HTML


def show_choice(chosen: Recommendation, records: Sequence[Record]) -> "HTML":
    """The recommendation, and under it the lines of the run's tables that are about its method."""
    from IPython.display import HTML

    parts = [
        f"<h3>{escape(chosen.method)}</h3><pre>{escape(chosen.recipe)}</pre>",
        f"<p><b>Why:</b> {escape(chosen.reason)}</p>",
        f"<p><b>Not accurate enough?</b> {escape(chosen.next_step)}</p>",
        _measured(chosen.method, records),
    ]
    return HTML("\n".join(parts))  # type: ignore[no-untyped-call]


def _measured(method: str, records: Sequence[Record]) -> str:
    if not any(row.method == method for row in records):
        return f"<p>The run has no model of method {escape(method)}.</p>"
    return tables_html(methods_tables(records, method)) or "<p>The run has no other method to set beside it.</p>"


def choices_table() -> pd.DataFrame:
    """The recommended method of every combination: a line for data, time and goal, a column for each device.

    Where that is `none`, the float to run the model in stands beside it.
    """
    lines = [
        {"data": data.value, "time": time.value, "first": goal.value}
        | {device.value: _answer(recommend(data=data, time=time, device=device, goal=goal)) for device in Target}
        for data in Data
        for time in Time
        for goal in Goal
    ]
    return pd.DataFrame(lines, dtype=object)


def _answer(chosen: Recommendation) -> str:
    return chosen.method if chosen.entry else f"none ({chosen.deploy[-1]['precision'][-1]})"
