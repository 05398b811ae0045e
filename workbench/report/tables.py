"""Result tables: the field's own form, the long form, and why cells are not numbers."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd

from workbench.records import Metric, Precision, Record, Scope, Status
from workbench.report.groups import Method, baseline_of, fastest, find, grouped, methods, quantized_rows, speedup
from workbench.report.labels import (
    NOT_MEASURED,
    NOT_RUN,
    method_label,
    model_label,
    number,
    place,
    precision_label,
    row_label,
    varying,
)

Column = tuple[Precision, bool]  # precision and pinned
FIELD_COLUMNS: tuple[Column, ...] = (
    (Precision.FP32, False), (Precision.FP16, False), (Precision.INT8, False),
    (Precision.INT8_FP16, False), (Precision.INT8_FP16, True),
)  # fmt: skip
LONG_COLUMNS = (
    "model", "method", "variant", "backend", "device", "precision", "pinned", "threads", "batch", "scope", "status",
    "latency_mean_ms", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "repeats", "throughput_per_s",
    "speedup_vs_fp32", "speedup_low", "speedup_high", "metric_name", "metric_value", "metric_drop", "drop_low",
    "drop_high", "sqnr_db", "model_size_mb", "peak_rss_mb", "int8_share", "machine_id", "reason",
)  # fmt: skip


class Cell(NamedTuple):
    """One cell as people read it; `right` in a column of numbers."""

    text: str
    right: bool


def field_table(records: Sequence[Record], scope: Scope) -> pd.DataFrame:
    """The published benchmark table: mean latencies in ms, maximum speed-up, metric before and after in points.

    One line per quantized model, backend, device, threads and batch. The INT8 metric and the drop are those of the
    fastest INT8 row, which the maximum speed-up is about too. A cell without a figure says why in a word.
    """
    rows = [row for row in records if row.scope is scope]
    asked = {(row.precision, row.pinned) for row in rows}
    every = [(precision, pinned) for precision in Precision for pinned in (False, True)]
    columns = [column for column in every if column in asked or column in FIELD_COLUMNS]
    shown = varying(rows)
    lines = [_line(group, method, columns, shown) for group in grouped(rows).values() for method in methods(group)]
    return pd.DataFrame(lines, dtype=object)


def _line(group: Sequence[Record], method: Method, columns: Sequence[Column], shown: frozenset[str]) -> dict[str, Any]:
    first = group[0]
    cells = {column: find(group, method, precision=column[0], pinned=column[1]) for column in columns}
    optional = {"Threads": "threads", "Batch": "batch", "Machine": "machine_id"}
    head = {title: getattr(first, name) for title, name in optional.items() if name in shown}
    quantized = quantized_rows(group, method)
    best = fastest(quantized) or next(iter(quantized), None)
    baseline = baseline_of(group)
    return (
        {"Model": model_label(first), "Backend": first.backend, "Device": first.device.value}
        | head
        | {_title(column): figure(row, "latency_mean_ms") for column, row in cells.items()}
        | {"Max speed-up": rounded((speedup(best, baseline) if best else None) or figure(best, "speedup_vs_fp32"))}
        | _accuracy(baseline, best)
        | {"Method": method_label(*method)}
    )


def _title(column: Column) -> str:
    precision, pinned = column
    return f"{precision.upper()}{'+PM' if pinned else ''}"


def figure(row: Record | None, column: str) -> float | str:
    """A figure of a row, or the word for why there is none."""
    if row is None:
        return NOT_RUN
    if row.status is not Status.OK:
        return row.status.value
    value: float | None = getattr(row, column)
    return NOT_MEASURED if value is None else value


def rounded(value: float | str, digits: int = 2) -> float | str:
    """Two decimals, which is what a ratio or a number of points is worth, or as many as given; words stay."""
    return value if isinstance(value, str) else round(value, digits)


def _accuracy(baseline: Record | None, best: Record | None) -> dict[str, Any]:
    source = best or baseline
    before = baseline.metric_value if baseline else None
    if before is None and best is not None:
        before = best.metric_fp32
    return {
        "Metric": (source and source.metric_name) or NOT_MEASURED,
        "FP32 metric": before if before is not None else figure(baseline, "metric_value"),
        "INT8 metric": figure(best, "metric_value"),
        "Drop (points)": rounded(figure(best, "metric_drop")),
    }


def long_table(records: Sequence[Record]) -> pd.DataFrame:
    """All rows with the main columns, named as in `results.csv`; a figure that was not measured is an empty cell."""
    dumped = [row.model_dump(mode="json", include=set(LONG_COLUMNS)) for row in records]
    lines = [{name: "" if line[name] is None else line[name] for name in LONG_COLUMNS} for line in dumped]
    return pd.DataFrame(lines, columns=list(LONG_COLUMNS), dtype=object)


def reasons(records: Sequence[Record]) -> pd.DataFrame:
    """Each distinct backend, device, precision, status and reason of the rows that are not `ok`, with the methods it holds for.

    Rows of several models are told apart; where one reason holds for all backends, as when there is no network, one line does.
    """
    models = len({row.model for row in records}) > 1
    found: dict[tuple[str, ...], list[str]] = {}
    for row in (row for row in records if row.status is not Status.OK):
        whole = models and _same_reason_everywhere(records, row)
        where = ("all",) * 3 if whole else (row.backend, row.device.value, precision_label(row))
        key = (*((row.model,) if models else ()), *where, row.status.value, row.reason)
        found.setdefault(key, []).append(method_label(row.method, row.variant))
    lines = [(*key[:-2], ", ".join(dict.fromkeys(names)), *key[-2:]) for key, names in found.items()]
    columns = [*(["Model"] if models else []), "Backend", "Device", "Precision", "Method", "Status", "Reason"]
    return pd.DataFrame(lines, columns=columns, dtype=object)


def _same_reason_everywhere(records: Sequence[Record], row: Record) -> bool:
    return {other.reason for other in records if other.model == row.model} == {row.reason}


def metrics_table(metrics: Sequence[Metric]) -> pd.DataFrame:
    """The secondary figures, each with its unit."""
    shown = varying(metrics)
    lines = [
        (place(metric, shown=shown), row_label(metric), metric.scope.value, metric.name, metric.value, metric.unit)
        for metric in metrics
    ]
    return pd.DataFrame(lines, columns=["Where", "What", "Scope", "Figure", "Value", "Unit"], dtype=object)


def cells(frame: pd.DataFrame) -> list[list[Cell]]:
    """The rows of a table in the text that people read."""
    lines = list(frame.itertuples(index=False, name=None))
    right = [any(_is_number(line[index]) for line in lines) for index in range(len(frame.columns))]
    return [[Cell(_text(value), on_right) for value, on_right in zip(line, right, strict=True)] for line in lines]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if _is_number(value) else str(value)


def to_markdown(frame: pd.DataFrame) -> str:
    """A table in Markdown, numbers to the right; text in it cannot break out of its cell. Empty for an empty table."""
    if frame.empty:
        return ""
    body = cells(frame)
    lines = [headings(frame), ["---:" if cell.right else "---" for cell in body[0]]]
    lines += [[cell.text for cell in line] for line in body]
    return "".join(f"| {' | '.join(escape_markdown(text) for text in line)} |\n" for line in lines)


def column_groups(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """The groups of columns that stand side by side, each with its number of columns; empty where there are none."""
    if frame.columns.nlevels == 1:
        return []
    return [(name, len(list(group))) for name, group in groupby(frame.columns, key=lambda column: str(column[0]))]


def headings(frame: pd.DataFrame) -> list[str]:
    """The name of each column on one line: `onnxruntime on cpu: ms` where columns stand in groups."""
    return [": ".join(filter(None, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]


def escape_markdown(text: str) -> str:
    """Text as one line that neither ends a table cell nor starts an HTML tag, a link or a picture."""
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("](", "]&#40;")):
        text = text.replace(character, escaped)
    return " ".join(text.split())
