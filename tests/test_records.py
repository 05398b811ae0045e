"""The result rows: their columns, and writing and reading them."""

import csv
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.errors import InputError
from workbench.records import (
    Device,
    Metric,
    Precision,
    Record,
    Scope,
    Status,
    read_metrics,
    read_records,
    write_metrics,
    write_records,
)

# As the design states them; a change is a new schema version.
COLUMNS = [
    "schema_version", "model", "model_digest", "task", "method", "variant", "backend", "device", "precision", "pinned",
    "threads", "batch", "input_shape", "scope", "status", "reason", "latency_mean_ms", "latency_p50_ms",
    "latency_p90_ms", "latency_p99_ms", "latency_std_ms", "first_call_ms", "repeats", "throughput_per_s",
    "speedup_vs_fp32", "speedup_low", "speedup_high", "metric_name", "metric_value", "metric_fp32", "metric_drop",
    "drop_low", "drop_high", "sqnr_db", "model_size_mb", "gflops", "params_m", "quantize_s", "build_s", "peak_rss_mb",
    "gpu_memory_mb", "int8_share", "nms", "weights", "machine_id",
]  # fmt: skip

OK = Record(
    model="digits",
    model_digest="d1",
    task="digits_classification",
    method="static",
    variant="hist",
    backend="onnxruntime",
    device=Device.CPU,
    precision=Precision.INT8_FP16,
    pinned=True,
    threads=2,
    batch=4,
    input_shape="image 4x3x224x224",
    scope=Scope.END_TO_END,
    status=Status.OK,
    latency_mean_ms=1.23456789,
    repeats=1000,
    metric_value=97.5,
    sqnr_db=-0.0,
    machine_id="m1",
)
FAILED = Record(
    model="digits",
    backend="tensorrt",
    device=Device.GPU,
    precision=Precision.FP32,
    scope=Scope.RUNTIME,
    status=Status.UNAVAILABLE,
    reason='no GPU, "none" at all; größer',
)
METRIC = Metric(
    model="digits",
    model_digest="d1",
    backend="onnxruntime",
    device=Device.CPU,
    precision=Precision.FP32,
    pinned=True,
    scope=Scope.RUNTIME,
    name="top5",
    value=99.5,
    unit="points",
)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_records_are_equal_when_written_and_read(tmp_path):
    write_records(tmp_path, [OK, FAILED])
    assert read_records(tmp_path) == [OK, FAILED]


def test_csv_has_the_stated_columns_when_written(tmp_path):
    write_records(tmp_path, [OK])
    header = (tmp_path / "results.csv").read_text().splitlines()[0]
    assert header.split(",") == COLUMNS
    assert list(json.loads((tmp_path / "results.json").read_text())["rows"][0]) == COLUMNS


def test_csv_cells_read_plainly_when_values_are_of_every_kind(tmp_path):
    write_records(tmp_path, [OK, FAILED])
    good, bad = read_csv(tmp_path / "results.csv")
    assert (good["pinned"], good["repeats"], good["precision"]) == ("true", "1000", "int8+fp16")
    assert (good["latency_mean_ms"], good["metric_value"], good["latency_p50_ms"]) == ("1.23457", "97.5", "")
    assert (bad["status"], bad["reason"], bad["pinned"]) == ("unavailable", FAILED.reason, "false")


def test_files_hold_the_header_when_there_are_no_rows(tmp_path):
    write_records(tmp_path, [])
    assert read_csv(tmp_path / "results.csv") == []
    assert read_records(tmp_path) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_write_records_changes_nothing_when_a_figure_is_not_finite(tmp_path, value):
    write_records(tmp_path, [OK])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_records(tmp_path, [OK.model_copy(update={"latency_mean_ms": value})])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[]", "do not fit result schema 1"),
        (b"{}", "do not fit result schema 1"),
        (b'{"schema_version": 1, "rows": [{"model": "x"}]}', "do not fit result schema 1"),
        (b'{"schema_version": 2, "rows": []}', "do not fit result schema 1"),
    ],
)
def test_read_records_names_the_file_when_it_is_broken(tmp_path, text, message):
    (tmp_path / "results.json").write_bytes(text)
    with pytest.raises(InputError, match=message) as caught:
        read_records(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "results.json"))
    assert "\n" not in str(caught.value)


def test_read_records_tells_what_to_give_when_there_are_none(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(InputError, match=r"no results\.json in it; give the folder of a finished run") as caught:
            read_records(folder)
        assert str(caught.value).startswith(str(folder))


def test_record_refuses_when_a_column_is_unknown():
    with pytest.raises(ValidationError, match="latency_ms"):
        Record(**OK.model_dump(), latency_ms=1.0)


def test_key_tells_rows_apart_when_one_of_its_columns_differs():
    changes = {"model_digest": "d2", "backend": "x", "device": Device.GPU, "precision": Precision.FP32}
    changes |= {"pinned": False, "threads": 1, "batch": 1, "scope": Scope.RUNTIME}
    keys = {OK.key(), *(OK.model_copy(update={name: value}).key() for name, value in changes.items())}
    assert len(keys) == len(changes) + 1
    assert OK.model_copy(update={"metric_value": 1.0, "machine_id": "m2"}).key() == OK.key()


def test_precision_takes_a_quantized_model_when_it_names_int8():
    assert [precision for precision in Precision if precision.is_quantized] == [Precision.INT8, Precision.INT8_FP16]


def test_metrics_are_equal_when_written_and_read(tmp_path):
    other = METRIC.model_copy(update={"pinned": False, "name": "pre", "value": 0.25, "unit": "ms"})
    write_metrics(tmp_path, [METRIC, other])
    assert read_metrics(tmp_path) == [METRIC, other]


def test_read_metrics_gives_none_when_there_is_no_file(tmp_path):
    assert read_metrics(tmp_path) == []


@pytest.mark.parametrize("text", [b"model,name\ndigits,top5\n", b"\xff\xfe\x00\n\xff\n", b"model\na,b,c\n"])
def test_read_metrics_names_the_file_when_it_is_broken(tmp_path, text):
    (tmp_path / "metrics.csv").write_bytes(text)
    with pytest.raises(InputError, match=r"metrics\.csv.*result schema 1") as caught:
        read_metrics(tmp_path)
    assert "\n" not in str(caught.value)
