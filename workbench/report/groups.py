"""Comparison groups: the rows that share one FP32 baseline, and which of them a table or sentence is about.

A row is of the untouched model (method `none`, in FP32 or a shorter float), of a model that a method made and that computes
in float (weights widened back, distilled, pruned), or of a quantized model.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from workbench.records import Metric, Precision, Record, Status

GROUP_COLUMNS = ("model", "machine_id", "threads", "batch", "backend", "device", "scope")
Group = tuple[object, ...]
Method = tuple[str, str]  # method and variant


def group_of(row: Record | Metric) -> Group:
    """What names the comparison group of a row."""
    return tuple(getattr(row, name) for name in GROUP_COLUMNS)


def grouped(rows: Iterable[Record]) -> dict[Group, list[Record]]:
    """The rows by comparison group, in the order in which the groups first appear."""
    groups: dict[Group, list[Record]] = defaultdict(list)
    for row in rows:
        groups[group_of(row)].append(row)
    return dict(groups)


def methods(group: Sequence[Record]) -> list[Method]:
    """The quantized models of a group, or the untouched one where nothing was quantized."""
    chosen = [row for row in group if row.precision.is_quantized] or untouched(group)
    return list(dict.fromkeys((row.method, row.variant) for row in chosen))


def find(group: Sequence[Record], method: Method, *, precision: Precision, pinned: bool = False) -> Record | None:
    """The row of a quantized model in a precision; in a float precision that of the untouched model."""
    rows = quantized_rows(group, method) if precision.is_quantized else untouched(group)
    return next((row for row in rows if row.precision is precision and row.pinned == pinned), None)


def baseline_of(group: Sequence[Record]) -> Record | None:
    """The row of the untouched FP32 model, which the others are compared with."""
    return next((row for row in group if row.is_baseline), None)


def untouched(group: Iterable[Record]) -> list[Record]:
    """The rows of the model as it was given, in FP32 and shorter floats."""
    return [row for row in group if row.method == "none" and not row.precision.is_quantized]


def made_in_float(group: Iterable[Record]) -> list[Record]:
    """The rows of models that a method made and that compute in float."""
    return [row for row in group if row.method != "none" and not row.precision.is_quantized]


def quantized_rows(group: Sequence[Record], method: Method | None = None) -> list[Record]:
    """The INT8 rows of a group, or of one method in it."""
    rows = [row for row in group if row.precision.is_quantized]
    return [row for row in rows if method in (None, (row.method, row.variant))]


def fastest(rows: Iterable[Record]) -> Record | None:
    """The row with the lowest mean latency, or None when none was timed."""
    timed = [row for row in rows if row.status is Status.OK and row.latency_mean_ms is not None]
    return min(timed, key=lambda row: row.latency_mean_ms or 0.0, default=None)


def speedup(row: Record, baseline: Record | None) -> float | None:
    """FP32 latency over this row's: from alternating blocks where they were run, else from the two means."""
    if row.status is not Status.OK:
        return None
    if row.speedup_vs_fp32 is not None:
        return row.speedup_vs_fp32
    if baseline is None or baseline.status is not Status.OK or not baseline.latency_mean_ms or not row.latency_mean_ms:
        return None
    return baseline.latency_mean_ms / row.latency_mean_ms
