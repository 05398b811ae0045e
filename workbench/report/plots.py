"""The plots of a report as PNG files, each with a table and a sentence that hold the same facts."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workbench.files import write_bytes
from workbench.records import Metric, Record, Scope
from workbench.report.bars import Bar, Panel, render
from workbench.report.figure import Figure
from workbench.report.labels import number
from workbench.report.panels import PLOTS, Per, Plot, plot_panels, plot_rows
from workbench.report.parts import draw_parts

COUNTED = {"repeats": "timed calls of each model", "evaluation_samples": "evaluation samples"}


def draw_plots(records: Sequence[Record], metrics: Sequence[Metric], *, out_dir: Path, caption: str) -> list[Figure]:
    """Draw latency (ms) and its parts, speed-up, accuracy drop (points) and model size (MB) as PNG files in `out_dir`.

    A plot without data is not drawn, and an older file of it is removed. Each plot's own n stands before `caption`.
    """
    figures = []
    for plot in PLOTS:
        path = out_dir / f"{plot.name}.png"
        rows = plot_rows(plot, records)
        if not rows:
            path.unlink(missing_ok=True)
            continue
        panels = plot_panels(plot, rows, metrics)
        write_bytes(path, render(panels, title=plot.title, caption=counted(plot.count, rows, metrics) + caption))
        figures.append(Figure(path, plot.title, plot_sentence(plot, panels), plot_table(plot, panels)))
    timed = [row for row in records if row.scope is Scope.END_TO_END]
    parts = draw_parts(records, metrics, out_dir=out_dir, caption=counted("repeats", timed, metrics) + caption)
    return [*figures[:1], parts, *figures[1:]] if parts else figures


def counted(name: str, rows: Sequence[Record], metrics: Sequence[Metric]) -> str:
    """The n of a plot as the start of its caption, from a column of its rows or a secondary figure; empty when unknown."""
    found = {getattr(row, name, None) for row in rows}
    found |= {metric.value for metric in metrics if metric.name == name}
    amounts = sorted(amount for amount in found if amount)
    if not amounts:
        return ""
    span = " to ".join(dict.fromkeys(f"{amount:.0f}" for amount in (amounts[0], amounts[-1])))
    return f"n = {span} {COUNTED[name]}; "


def plot_table(plot: Plot, panels: Sequence[Panel]) -> pd.DataFrame:
    """What a plot shows as a table: a line for each bar."""
    lines = [_line(plot, panel, bar) for panel in panels for bar in panel.bars]
    return pd.DataFrame(lines, dtype=object)


def _line(plot: Plot, panel: Panel, bar: Bar) -> dict[str, str | float]:
    line: dict[str, str | float] = {"Scope": panel.title} if plot.per is Per.ROW else {}
    line |= {"Model" if plot.per is Per.MODEL else "Where": bar.place, "What": bar.label}
    return line | {heading: "" if value is None else value for heading, value in _figures(plot, bar)}


def _figures(plot: Plot, bar: Bar) -> list[tuple[str, float | None]]:
    values = (bar.value, bar.low, bar.high)
    return [(heading, value) for heading, value in zip(plot.headings, values, strict=True) if heading]


def plot_sentence(plot: Plot, panels: Sequence[Panel]) -> str:
    """What a plot shows in a sentence, for who does not see it."""
    facts = [_fact(plot, panel, bar) for panel in panels for bar in panel.bars]
    return f"Bar chart: {plot.title}. {'; '.join(facts)}."


def _fact(plot: Plot, panel: Panel, bar: Bar) -> str:
    figures = [f"{heading} {number(value)}" for heading, value in _figures(plot, bar) if value is not None]
    scope = [panel.title] if panel.title else []
    return ", ".join([*scope, bar.place, bar.label, *figures])
