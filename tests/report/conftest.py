"""Small hand-made runs."""

from collections.abc import Callable
from typing import Any

import pytest

from workbench.records import Device, Metric, Precision, Record, Scope, Status

MakeRecord = Callable[..., Record]
MakeMetric = Callable[..., Metric]

IDENTITY: dict[str, Any] = {"model": "digits", "model_digest": "d0", "backend": "onnxruntime", "device": Device.CPU}


@pytest.fixture
def make_record() -> MakeRecord:
    """Build an ok row of INT8 with typical figures; any column can be given."""

    def make(**columns: Any) -> Record:
        precision = columns.get("precision", Precision.INT8)
        row: dict[str, Any] = IDENTITY | {"precision": precision, "scope": Scope.RUNTIME, "status": Status.OK}
        row |= {"task": "digits", "machine_id": "m1"}
        if precision.is_quantized:
            row |= {"method": "static", "variant": "hist"}
        if columns.get("status", Status.OK) is Status.OK:
            row |= _figures(precision)
        return Record(**(row | columns))

    return make


def _figures(precision: Precision) -> dict[str, Any]:
    common = {"repeats": 1000, "metric_name": "top1", "metric_fp32": 98.0, "latency_std_ms": 0.2}
    if precision is Precision.FP32:
        latency = {"latency_mean_ms": 12.4, "latency_p50_ms": 12.3, "latency_p99_ms": 14.0}
        return common | latency | {"metric_value": 98.0, "model_size_mb": 8.0}
    latency = {"latency_mean_ms": 4.0, "latency_p50_ms": 3.9, "latency_p99_ms": 5.0}
    speed = {"speedup_vs_fp32": 3.1, "speedup_low": 3.0, "speedup_high": 3.2}
    drop = {"metric_value": 97.7, "metric_drop": 0.3, "drop_low": 0.1, "drop_high": 0.6}
    return common | latency | speed | drop | {"model_size_mb": 2.1, "sqnr_db": 25.0}


@pytest.fixture
def make_pruned(make_record: MakeRecord) -> MakeRecord:
    """Build an ok row of a model that pruning made, which computes in FP32; any column can be given."""
    figures = {"latency_mean_ms": 8.0, "latency_p50_ms": 7.9, "metric_value": 97.5, "metric_drop": 0.5, "drop_low": 0.2}
    figures |= {"drop_high": 0.9, "sqnr_db": 20.0, "speedup_vs_fp32": 1.55, "speedup_low": 1.5, "speedup_high": 1.6}
    made = {"precision": Precision.FP32, "method": "prune", "variant": "flops0.5", "model_digest": "d1"}

    def make(**columns: Any) -> Record:
        ok = columns.get("status", Status.OK) is Status.OK
        return make_record(**(made | (figures | {"model_size_mb": 4.0} if ok else {}) | columns))

    return make


@pytest.fixture
def make_metric() -> MakeMetric:
    """Build a secondary figure of the FP32 row; any column can be given."""

    def make(name: str, value: float, **columns: Any) -> Metric:
        row: dict[str, Any] = IDENTITY | {"precision": Precision.FP32, "scope": Scope.RUNTIME, "machine_id": "m1"}
        return Metric(**(row | {"name": name, "value": value} | columns))

    return make


@pytest.fixture
def one_backend(make_record: MakeRecord) -> list[Record]:
    """FP32 and INT8 on one backend, in both scopes."""
    return [make_record(precision=p, scope=scope) for scope in Scope for p in (Precision.FP32, Precision.INT8)]


@pytest.fixture
def all_unavailable(make_record: MakeRecord) -> list[Record]:
    """A run of which nothing could be measured."""
    why = {"status": Status.UNAVAILABLE, "reason": "no NVIDIA GPU; install a driver", "backend": "tensorrt"}
    pairs = [(scope, p) for scope in Scope for p in (Precision.FP32, Precision.INT8)]
    return [make_record(precision=p, scope=scope, device=Device.GPU, **why) for scope, p in pairs]
