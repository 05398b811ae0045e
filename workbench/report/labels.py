"""The words that tables, sentences and plots share: the names of rows and places, and how a number is written."""

from collections.abc import Collection, Sequence

from workbench.records import Metric, Record, Scope

NOT_MEASURED = "not measured"
NOT_RUN = "not run"
SCOPE_TITLES = {
    Scope.RUNTIME: "Runtime (copies and inference)",
    Scope.END_TO_END: "End to end (with pre- and post-processing)",
}
Row = Record | Metric
VARYING = ("model", "machine_id", "threads", "batch")


def number(value: float, *, digits: int = 4) -> str:
    """Write a figure with so many significant digits, and everyday sizes without an exponent."""
    value = round(value, 6) + 0.0  # no -0, and no dust from subtracting two metrics
    return f"{value:.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def count(amount: int, noun: str) -> str:
    """An amount with its noun: `1 thread`, `4 threads`."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def model_label(row: Record) -> str:
    """The model's name, with what its figures leave out: random weights have a latency, and nothing else."""
    return f"{row.model} (random weights)" if row.weights == "random" else row.model


def precision_label(row: Row) -> str:
    """The precision in the words of the field's tables: `INT8+FP16+PM` is with pinned memory."""
    return row.precision.upper() + ("+PM" if row.pinned else "")


def method_label(method: str, variant: str) -> str:
    """The quantization method and, where it has one, the variant: `static (hist)`."""
    return f"{method} ({variant})" if variant else method


def row_label(row: Row) -> str:
    """Precision and method of a row: `INT8 static (hist)`; plain `FP32` for the float model."""
    return precision_label(row) + ("" if row.method == "none" else f" {method_label(row.method, row.variant)}")


def class_name(names: Sequence[str], label: int) -> str:
    """A class's name, or its number where it has none."""
    return names[label] if 0 <= label < len(names) else str(label)


def varying(rows: Collection[Row]) -> frozenset[str]:
    """Which of model, machine, threads and batch have to be named: they differ between rows, or are not the usual 1."""
    values = {name: {getattr(row, name) for row in rows} for name in VARYING}
    unusual = {name for name in ("threads", "batch") if values[name] - {1}}
    return frozenset({name for name, seen in values.items() if len(seen) > 1} | unusual)


def place(row: Row, *, shown: Collection[str]) -> str:
    """Where a row was measured: `paddle_inference on cpu`, with those of `VARYING` that are `shown`."""
    parts = [f"{row.backend} on {row.device}"]
    parts += [count(row.threads, "thread")] if "threads" in shown else []
    parts += [f"batch {row.batch}"] if "batch" in shown else []
    parts += [f"machine {row.machine_id}"] if "machine_id" in shown else []
    return (f"{row.model}: " if "model" in shown else "") + ", ".join(parts)
