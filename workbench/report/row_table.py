"""All rows as people read them: what names a row, its figures, what became of it."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.records import Record, Status
from workbench.report.groups import baseline_of, grouped, speedup
from workbench.report.labels import method_label, model_label, precision_label, varying

OPTIONAL = {"Threads": "threads", "Batch": "batch", "Machine": "machine_id"}


def row_table(records: Sequence[Record]) -> pd.DataFrame:
    """A line for each row, measured or not: latency in ms, drop in points, size in MB (1e6 bytes); an unknown figure is empty.

    Models, machines, threads, batch and the metric's name stand in columns only where they differ between rows.
    """
    shown = varying(records)
    baselines = {id(row): baseline_of(group) for group in grouped(records).values() for row in group}
    metrics = {row.metric_name for row in records if row.metric_name}
    metric = metrics.pop() if len(metrics) == 1 else ""
    return pd.DataFrame([_line(row, baselines[id(row)], shown, metric) for row in records], dtype=object)


def _line(row: Record, baseline: Record | None, shown: frozenset[str], metric: str) -> dict[str, Any]:
    name = {"Model": model_label(row)} if "model" in shown else {}
    where = {title: getattr(row, column) for title, column in OPTIONAL.items() if column in shown}
    return (
        name
        | {"Backend": row.backend, "Device": row.device.value, "Precision": precision_label(row)}
        | {"Method": method_label(row.method, row.variant)}
        | where
        | {
            "Scope": row.scope.replace("_", " "),
            "p50 (ms)": _rounded(row.latency_p50_ms),
            "p99 (ms)": _rounded(row.latency_p99_ms),
        }
        | {"Speed-up": _rounded(speedup(row, baseline), 3), "Interval": _interval(row.speedup_low, row.speedup_high)}
        | ({} if metric else {"Metric": row.metric_name})
        | {metric or "Value": _rounded(row.metric_value)}
        | {"Drop (points)": _rounded(row.metric_drop, 3), "Drop interval": _interval(row.drop_low, row.drop_high)}
        | {"Size (MB)": _rounded(row.model_size_mb), "INT8 share": _rounded(row.int8_share, 3)}
        | {"Status": row.status.value, "Reason": row.reason if row.status is not Status.OK or row.reason else ""}
    )


def _rounded(value: float | None, digits: int = 4) -> float | str:
    """So many significant digits; nothing where there is no figure."""
    return "" if value is None else float(f"{value:.{digits}g}") + 0.0


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.3g} to {high:.3g}"
