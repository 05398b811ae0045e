"""Where the time of an end-to-end run goes: pre-processing, the network, post-processing."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workbench.files import write_bytes
from workbench.records import Metric, Precision, Record, Status
from workbench.report.bars import Bar, Panel, render
from workbench.report.figure import Figure
from workbench.report.labels import number, place, row_label, varying

TITLE = "Parts of the end-to-end latency"
AXIS = "mean ms: pre-processing (light grey), run (in colour), post-processing (dark grey)"
NAMES = ("preprocess_ms", "run_ms", "postprocess_ms")
HEADINGS = ("pre (ms)", "run (ms)", "post (ms)")
KEY = tuple(name for name in Metric.model_fields if name not in ("name", "value", "unit"))


class Parts(NamedTuple):
    """A row and the mean ms of its three parts."""

    row: Record
    pre: float
    run: float
    post: float


def parts_of(records: Sequence[Record], metrics: Sequence[Metric]) -> list[Parts]:
    """The rows that have all three parts, those of a place together, in the order of the precisions."""
    figures = {(metric.name, *_key(metric)): metric.value for metric in metrics if metric.name in NAMES}
    parts = [
        Parts(row, *(figures[name, *_key(row)] for name in NAMES))
        for row in records
        if row.status is Status.OK and all((name, *_key(row)) in figures for name in NAMES)
    ]
    shown = varying([part.row for part in parts])
    order = list(dict.fromkeys(place(part.row, shown=shown) for part in parts))
    precisions = list(Precision)
    return sorted(parts, key=lambda p: (order.index(place(p.row, shown=shown)), precisions.index(p.row.precision)))


def draw_parts(records: Sequence[Record], metrics: Sequence[Metric], *, out_dir: Path, caption: str) -> Figure | None:
    """Draw the parts as a stacked bar for each row, `parts.png`; without any, an older file of it is removed."""
    path = out_dir / "parts.png"
    parts = parts_of(records, metrics)
    if not parts:
        path.unlink(missing_ok=True)
        return None
    shown = varying([part.row for part in parts])
    bars = [_bar(part, place(part.row, shown=shown)) for part in parts]
    write_bytes(path, render([Panel("", AXIS, bars)], title=TITLE, caption=caption))
    lines = [
        {"Where": bar.place, "What": bar.label} | dict(zip(HEADINGS, (part.pre, part.run, part.post), strict=True))
        for bar, part in zip(bars, parts, strict=True)
    ]
    facts = [f"{bar.place}, {bar.label}, {bar.text}" for bar in bars]
    alt = f"Stacked bar chart: {TITLE}, pre-processing + run + post-processing. {'; '.join(facts)}."
    return Figure(path, TITLE, alt, pd.DataFrame(lines, dtype=object))


def _bar(part: Parts, where: str) -> Bar:
    text = " + ".join(number(value, digits=3) for value in (part.pre, part.run, part.post)) + " ms"
    return Bar(where, row_label(part.row), part.row.precision, part.run, text, before=part.pre, after=part.post)


def _key(row: Record | Metric) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in KEY)
