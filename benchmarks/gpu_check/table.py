"""The result as plain text: a line for each row, and what ONNX Runtime on CPU gave beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.trt_check.rows import aligned
from workbench.records import Device, Metric, Record, Status

HEADINGS = (
    "model",
    "backend",
    "precision",
    "status",
    "metric",
    "on CPU",
    "p50 ms",
    "to GPU",
    "inference",
    "from GPU",
    "GPU MB",
)
PARTS = ("host_to_device_ms", "inference_ms", "device_to_host_ms")


def result_table(records: Sequence[Record], metrics: Sequence[Metric]) -> str:
    """The rows on GPU; `metric` is the task's own, or the SQNR in dB of a network whose weights mean nothing."""
    lines = [HEADINGS, *(_line(row, records, metrics) for row in records if row.device is Device.GPU)]
    return aligned(lines)


def unavailable_table(matrix: Sequence[Mapping[str, Any]]) -> str:
    """What `workbench doctor` says of every backend and precision on GPU."""
    rows = [row for row in matrix if row["device"] == Device.GPU]
    lines = [("backend", "precision", "status", "reason")]
    lines += [(row["backend"], row["precision"], row["status"], row["reason"]) for row in rows]
    return aligned(lines)


def reasons(records: Sequence[Record]) -> list[str]:
    """A line for each row on GPU that is not `ok`."""
    rows = [row for row in records if row.device is Device.GPU and row.status is not Status.OK]
    return [f"{row.model} on {row.backend}, {_precision(row)}: {row.status}: {row.reason}" for row in rows]


def _line(row: Record, records: Sequence[Record], metrics: Sequence[Metric]) -> tuple[str, ...]:
    on_cpu = next((other for other in records if other.device is Device.CPU and _same_model(other, row)), None)
    parts = {metric.name: metric.value for metric in metrics if metric.name in PARTS and _belongs(metric, row)}
    return (
        row.model, row.backend, _precision(row), str(row.status), _metric(row), _metric(on_cpu) if on_cpu else "",
        _number(row.latency_p50_ms, 3), *(_number(parts.get(name), 3) for name in PARTS), _number(row.gpu_memory_mb, 0),
    )  # fmt: skip


def _precision(row: Record) -> str:
    return f"{row.precision}{'+pm' if row.pinned else ''}"


def _metric(row: Record) -> str:
    if row.metric_value is not None:
        return f"{row.metric_value:.2f}"
    return f"{row.sqnr_db:.1f} dB" if row.sqnr_db is not None else ""


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _same_model(other: Record, row: Record) -> bool:
    columns = ("model", "method", "variant")
    same = all(getattr(other, name) == getattr(row, name) for name in columns)
    return same and other.precision.is_quantized == row.precision.is_quantized


def _belongs(metric: Metric, row: Record) -> bool:
    columns = ("model", "method", "variant", "backend", "device", "precision", "pinned", "threads", "batch", "scope")
    return all(getattr(metric, name) == getattr(row, name) for name in columns)
