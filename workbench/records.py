"""The result row that every stage adds to and every table is derived from."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from workbench.errors import InputError
from workbench.files import write_json, write_text

SCHEMA_VERSION = 1


class Device(StrEnum):
    """Where a model runs."""

    CPU = "cpu"
    GPU = "gpu"
    ARM = "arm"


class Precision(StrEnum):
    """The arithmetic that a deployment asks for."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"
    INT8_FP16 = "int8+fp16"

    @property
    def is_quantized(self) -> bool:
        """Whether the deployment takes a quantized model (True) or the float one (False)."""
        return self in (Precision.INT8, Precision.INT8_FP16)


class Scope(StrEnum):
    """What a latency covers: the runtime alone, or pre- and post-processing too, from a decoded sample."""

    RUNTIME = "runtime"
    END_TO_END = "end_to_end"


class Status(StrEnum):
    """What became of a cell of the result table."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"


KEY_COLUMNS = ("model_digest", "backend", "device", "precision", "pinned", "threads", "batch", "scope")


class Record(BaseModel):
    """One row of `results.csv`: a model on a backend, in one precision and scope. Times in ms, sizes in MB (1e6 bytes).

    A figure that was not measured is None (an empty cell); a row whose status is not `ok` says why in `reason`.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    model: str
    model_digest: str = ""
    task: str = ""
    method: str = "none"
    variant: str = ""
    backend: str
    device: Device
    precision: Precision
    pinned: bool = False
    threads: int = 1
    batch: int = 1
    input_shape: str = ""
    scope: Scope
    status: Status
    reason: str = ""
    latency_mean_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_std_ms: float | None = None
    first_call_ms: float | None = None
    repeats: int | None = None
    throughput_per_s: float | None = None
    speedup_vs_fp32: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    metric_name: str = ""
    metric_value: float | None = None
    metric_fp32: float | None = None
    metric_drop: float | None = None
    drop_low: float | None = None
    drop_high: float | None = None
    sqnr_db: float | None = None
    model_size_mb: float | None = None
    gflops: float | None = None
    params_m: float | None = None
    quantize_s: float | None = None
    build_s: float | None = None
    peak_rss_mb: float | None = None
    gpu_memory_mb: float | None = None
    int8_share: float | None = None
    nms: str = ""
    weights: str = "trained"
    machine_id: str = ""

    @property
    def is_baseline(self) -> bool:
        """Whether this is the row of the untouched FP32 model, which the others of its group are compared with."""
        return self.precision is Precision.FP32 and self.method == "none"

    def key(self) -> tuple[Any, ...]:
        """The columns that identify the row within a machine."""
        return tuple(getattr(self, name) for name in KEY_COLUMNS)


class Metric(BaseModel):
    """One row of `metrics.csv`: a secondary figure of the result row with the same key."""

    model_config = ConfigDict(extra="forbid")

    model: str
    model_digest: str
    method: str = "none"
    variant: str = ""
    backend: str
    device: Device
    precision: Precision
    pinned: bool = False
    threads: int = 1
    batch: int = 1
    scope: Scope
    name: str
    value: float
    unit: str = ""
    machine_id: str = ""


def write_records(folder: Path, records: Sequence[Record]) -> None:
    """Write `results.csv` and `results.json` into a run folder, each in one step."""
    rows = [record.model_dump(mode="json") for record in records]
    # First the one that refuses what is not a number, so that the two never differ.
    write_json(folder / "results.json", {"schema_version": SCHEMA_VERSION, "rows": rows})
    write_text(folder / "results.csv", _csv_text(list(Record.model_fields), rows))


def write_metrics(folder: Path, metrics: Sequence[Metric]) -> None:
    """Write `metrics.csv` into a run folder in one step."""
    rows = [metric.model_dump(mode="json") for metric in metrics]
    write_text(folder / "metrics.csv", _csv_text(list(Metric.model_fields), rows))


def read_records(folder: Path) -> list[Record]:
    """Read the rows of a finished run; raises InputError when there are none or they have another schema."""
    path = folder / "results.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder}: no results.json in it; give the folder of a finished run, such as runs/demo"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid JSON ({error}); make it again with `workbench report`") from None
    try:
        if data["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"they have schema {data['schema_version']}")
        return [Record.model_validate(row) for row in data["rows"]]
    except (ValueError, KeyError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path}: rows do not fit result schema {SCHEMA_VERSION} ({first}); measure that run again"
        ) from None


def read_metrics(folder: Path) -> list[Metric]:
    """Read the secondary figures of a run; an empty list when it has none, InputError when they have another schema."""
    path = folder / "metrics.csv"
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [Metric.model_validate(row) for row in csv.DictReader(file)]
    except (ValueError, csv.Error) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path}: rows do not fit result schema {SCHEMA_VERSION} ({first}); measure that run again"
        ) from None


def _csv_text(columns: list[str], rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else value
