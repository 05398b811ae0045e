"""Methods side by side: what each made model is, how fast and how accurate it is on each backend, and what is to be known of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from workbench.records import Record, Scope, Status
from workbench.report.groups import baseline_of, group_of, grouped, speedup
from workbench.report.labels import NOT_MEASURED, method_label, place, row_label, varying
from workbench.report.tables import figure, rounded

REFERENCE = "reference"  # in cells of the untouched model, which the others are compared with
UNTOUCHED = "none (FP32 as given)"
EVERYWHERE = "all"
Columns = Callable[[Record | None, Record | None], dict[str, Any]]


def is_comparison(records: Sequence[Record]) -> bool:
    """Whether methods stand side by side: there are several made models, or one that computes in float."""
    made = [row for row in records if row.method != "none"]
    several = len({(row.method, row.variant) for row in made}) > 1
    return several or any(not row.precision.is_quantized for row in made)


def compared_rows(records: Sequence[Record]) -> list[Record]:
    """The rows that compare methods, in one scope (runtime where it was measured), the untouched FP32 model first.

    Empty when the run compares no methods.
    """
    if not is_comparison(records):
        return []
    scope = next(scope for scope in Scope if any(row.scope is scope for row in records))
    rows = [row for row in records if row.scope is scope]
    return sorted(rows, key=lambda row: (not row.is_baseline, row.method != "none"))


def methods_tables(records: Sequence[Record], method: str = "") -> dict[str, pd.DataFrame]:
    """Tables by title: the models, their latency (mean, ms), their accuracy, and notes: the reasons of all rows with one.

    A line is a model, or a model in a precision; a group of columns is a backend on a device. With `method`, only the lines of
    its models and of the untouched one. Empty when the run compares no methods.
    """
    rows = [row for row in compared_rows(records) if not method or row.method in ("none", method)]
    if not rows:
        return {}
    metric = next((row.metric_name for row in rows if row.metric_name), "metric")
    tables = {
        "The models": _models(rows),
        f"Mean latency, {rows[0].scope.replace('_', ' ')}": _by_place(rows, _latency),
        f"Accuracy ({metric}), drop in points from FP32 on the same backend": _by_place(rows, _accuracy),
        "Notes": _notes(rows),
    }
    return {title: table for title, table in tables.items() if not table.empty}


def _models(rows: Sequence[Record]) -> pd.DataFrame:
    """Size in MB (1e6 bytes) and as a ratio to FP32, GFLOPs and millions of parameters where known, seconds to make it."""
    models: dict[tuple[str, str, str], list[Record]] = {}
    for row in rows:
        models.setdefault((row.model, row.method, row.variant), []).append(row)
    sizes = {model: _known(found, "model_size_mb") for (model, method, _), found in models.items() if method == "none"}
    lines = [_facts(found, fp32_mb=sizes.get(found[0].model)) for found in models.values()]
    unknown = [name for name in ("GFLOPs", "Parameters (M)") if all(isinstance(line[name], str) for line in lines)]
    return pd.DataFrame(lines, dtype=object).drop(columns=[*unknown, *([] if _several(rows) else ["Model"])])


def _facts(rows: Sequence[Record], *, fp32_mb: float | None) -> dict[str, Any]:
    """The line of one model."""
    first, size = rows[0], _known(rows, "model_size_mb")
    seconds = REFERENCE if first.method == "none" else _or_why(_known(rows, "quantize_s"), rows)
    return {
        "Model": first.model,
        "Method": UNTOUCHED if first.method == "none" else method_label(first.method, first.variant),
        "Computes in": "INT8" if first.precision.is_quantized else "float",
        "Size (MB)": _or_why(size, rows),
        "of FP32": rounded(_or_why(size / fp32_mb if size and fp32_mb else None, rows), 3),
        "GFLOPs": _or_why(_known(rows, "gflops"), rows),
        "Parameters (M)": _or_why(_known(rows, "params_m"), rows),
        "Made in (s)": rounded(seconds, 1),
    }


def _known(rows: Sequence[Record], column: str) -> float | None:
    return next((value for row in rows if (value := getattr(row, column)) is not None), None)


def _or_why(value: float | None, rows: Sequence[Record]) -> float | str:
    """A figure of a model, or why it has none: it could not be made, or nobody measured it."""
    if value is not None:
        return value
    return NOT_MEASURED if any(row.status is Status.OK for row in rows) else rows[0].status.value


def _by_place(rows: Sequence[Record], columns: Columns) -> pd.DataFrame:
    """One line for each model and precision, one group of columns for each place."""
    shown = varying(rows) - {"model"}
    places = list(dict.fromkeys(place(row, shown=shown) for row in rows))
    found = {(row.model, row_label(row), place(row, shown=shown)): row for row in rows}
    baselines = {key: baseline_of(group) for key, group in grouped(rows).items()}
    lines = []
    for model, label in dict.fromkeys((row.model, row_label(row)) for row in rows):
        line: dict[tuple[str, str], Any] = {("", "Model"): f"{model}: {label}" if _several(rows) else label}
        for where in places:
            row = found.get((model, label, where))
            cells = columns(row, baselines[group_of(row)] if row else None)
            line |= {(where, heading): value for heading, value in cells.items()}
        lines.append(line)
    heads = pd.MultiIndex.from_tuples(list(lines[0]))
    return pd.DataFrame([list(line.values()) for line in lines], columns=heads, dtype=object)


def _several(rows: Sequence[Record]) -> bool:
    return "model" in varying(rows)


def _latency(row: Record | None, baseline: Record | None) -> dict[str, Any]:
    ratio = speedup(row, baseline) if row else None
    return {
        "ms": figure(row, "latency_mean_ms"),
        "speed-up": rounded(ratio if ratio is not None else figure(row, "speedup_vs_fp32")),
        "arithmetic": _arithmetic(row),
    }


def _arithmetic(row: Record | None) -> str:
    """What really ran: of a quantized model the share of its convolutions and matrix products that the runtime did in INT8."""
    if row is None or row.status is not Status.OK:
        return str(figure(row, "int8_share"))
    if not row.precision.is_quantized:
        return row.precision.value
    if row.int8_share is None:
        return "int8, not proven"
    return f"int8 {100 * row.int8_share:.0f} %" if row.int8_share else "fp32"


def _accuracy(row: Record | None, baseline: Record | None) -> dict[str, Any]:
    is_reference = row is not None and row is baseline
    return {
        "metric": figure(row, "metric_value"),
        "drop (interval)": REFERENCE if is_reference else _drop(row),
        "SQNR (dB)": REFERENCE if is_reference else rounded(figure(row, "sqnr_db"), 1),
    }


def _drop(row: Record | None) -> str:
    drop = figure(row, "metric_drop")
    if isinstance(drop, str) or row is None:
        return str(drop)
    if row.drop_low is None or row.drop_high is None:
        return f"{drop:.2f}"
    return f"{drop:.2f} ({row.drop_low:.2f} to {row.drop_high:.2f})"


def _notes(rows: Sequence[Record]) -> pd.DataFrame:
    """Each distinct reason of a model's rows, ok or not, with the places that it is of."""
    shown = varying(rows) - {"model"}
    every = {place(row, shown=shown) for row in rows}
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for row in (row for row in rows if row.reason):
        key = (row.model, row_label(row), row.status.value, row.reason)
        found.setdefault(key, []).append(place(row, shown=shown))
    lines = [
        (
            f"{model}: {label}" if _several(rows) else label,
            EVERYWHERE if set(places) == every else ", ".join(places),
            *rest,
        )
        for (model, label, *rest), places in found.items()
    ]
    return pd.DataFrame(lines, columns=["Model", "Where", "Status", "Note"], dtype=object)
