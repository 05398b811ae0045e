"""Small finished runs for views, and nothing that raised before."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench import callbacks
from workbench.records import Device, Precision, Record, Scope, Status, write_metrics, write_records

MACHINE = {"machine_id": "m1", "cpu": {"model": "a CPU", "cores": 2}}
WriteRun = Callable[..., Path]
MakeRow = Callable[..., Record]


@pytest.fixture(autouse=True)
def _nothing_raised() -> Iterator[None]:
    callbacks.forget()
    yield
    callbacks.forget()


def row(backend: str, precision: Precision, scope: Scope, **columns: Any) -> Record:
    """An ok row with figures; any column can be given."""
    fast = {"onnxruntime": 1.0, "openvino": 0.8}.get(backend, 1.5)
    ms = {Precision.FP32: 12.0, Precision.INT8: 5.0, Precision.BF16: 4.0}[precision] * fast
    found: dict[str, Any] = {
        "model": "digits", "model_digest": "d0", "backend": backend, "device": Device.CPU, "precision": precision, "scope": scope,
        "status": Status.OK, "machine_id": "m1", "repeats": 500, "latency_mean_ms": ms, "latency_p50_ms": ms, "latency_p99_ms": ms * 1.2,
        "latency_std_ms": 0.1, "metric_name": "top1", "metric_value": 98.0, "metric_fp32": 98.0, "model_size_mb": 8.0,
    }  # fmt: skip
    if precision.is_quantized:
        found |= {
            "method": "static",
            "variant": "hist",
            "metric_value": 97.6,
            "metric_drop": 0.4,
            "drop_low": 0.1,
            "drop_high": 0.7,
        }
        found |= {"model_size_mb": 2.1}
    if precision is not Precision.FP32:
        found |= {
            "speedup_vs_fp32": 12.0 * fast / ms,
            "speedup_low": 12.0 * fast / ms - 0.1,
            "speedup_high": 12.0 * fast / ms + 0.1,
        }
    return Record(**(found | columns))


def unavailable(backend: str, precision: Precision, scope: Scope) -> Record:
    """A row that this machine could not measure."""
    return Record(
        model="digits", backend=backend, device=Device.GPU, precision=precision, scope=scope, status=Status.UNAVAILABLE,
        machine_id="m1", reason="no NVIDIA GPU; install a driver",
    )  # fmt: skip


def usual_rows() -> list[Record]:
    """FP32 and INT8 on two backends in both scopes, and a GPU that is not there."""
    pairs = [(scope, precision) for scope in Scope for precision in (Precision.FP32, Precision.INT8)]
    measured = [row(backend, precision, scope) for backend in ("onnxruntime", "openvino") for scope, precision in pairs]
    return measured + [unavailable("tensorrt", precision, scope) for scope, precision in pairs]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Write a run folder with these rows; gives its path."""

    def write(rows: list[Record] | None = None, *, name: str = "demo", machine: dict[str, Any] = MACHINE) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        write_records(folder, usual_rows() if rows is None else rows)
        write_metrics(folder, [])
        (folder / "machine.json").write_text(json.dumps(machine))
        return folder

    return write


@pytest.fixture
def make_row() -> MakeRow:
    """Build an ok row; any column can be given."""
    return row


@pytest.fixture
def make_unavailable() -> MakeRow:
    """Build a row that was not measured."""
    return unavailable


@pytest.fixture
def rows() -> list[Record]:
    """FP32 and INT8 on two backends in both scopes, and a GPU that is not there."""
    return usual_rows()
