"""The shipped default recipe, whole, through its notebooks: what `make demo` does after the installation.

Every change: with short measurements. Every night: as it is shipped.
"""

import re
import subprocess
import sys

import pytest
import yaml

from workbench.experiment import find_recipe
from workbench.machine import this_machine
from workbench.records import Device, Precision, Record, Scope, Status, read_metrics, read_records

pytestmark = pytest.mark.timeout(1200)  # the shipped one takes 4 minutes alone, and three times that beside other tests
SHIPPED = pytest.param("shipped", marks=pytest.mark.slow)
QUICK = {"warmup": 5, "repeats": 40, "rounds": 4, "block_runs": 10, "block_seconds": 0.0}


@pytest.fixture(scope="module", params=["quick", SHIPPED])
def recipe(request, tmp_path_factory):
    """The recipe, by name or by path."""
    if request.param == "shipped":
        return "demo"
    path = tmp_path_factory.mktemp("recipe") / "demo.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(find_recipe("demo").read_text()) | {"measure": QUICK}))
    return str(path)


@pytest.fixture(scope="module")
def folder(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "run"
    ended = subprocess.run(
        [sys.executable, "-m", "workbench.cli", "run", recipe, "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out


@pytest.fixture(scope="module")
def rows(folder) -> dict[tuple[str, Precision, Scope], Record]:
    return {(row.backend, row.precision, row.scope): row for row in read_records(folder) if row.device is Device.CPU}


BACKENDS = ("paddle_inference", "onnxruntime")


def test_demo_leaves_every_result_when_it_ended(folder):
    names = ["results.csv", "results.json", "metrics.csv", "report.md", "report.html", "recipe.yaml", "machine.json"]
    names += [f"notebooks/0{n}_{stage}.ipynb" for n, stage in enumerate(
        ["machine", "quantize", "deploy", "accuracy", "latency", "report"])]  # fmt: skip
    names += [f"plots/{name}.png" for name in ("latency", "speedup", "accuracy_drop", "model_size")]
    assert [name for name in names if not (folder / name).is_file()] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scope", list(Scope))
def test_demo_rows_are_ok_when_the_backend_is_installed(rows, recipe, backend, scope):
    for precision in (Precision.FP32, Precision.INT8):
        row = rows[backend, precision, scope]
        assert (row.status, row.reason) == (Status.OK, "")
        assert row.repeats >= (500 if recipe == "demo" else QUICK["repeats"])
        assert row.latency_p50_ms <= row.latency_p99_ms
        assert row.peak_rss_mb > 50


def test_demo_rows_say_why_when_the_backend_is_for_a_gpu_that_is_not_here(folder):
    if this_machine().gpus:
        pytest.skip("this machine has a GPU")
    gpu = [row for row in read_records(folder) if row.device is Device.GPU]
    assert {row.backend for row in gpu} == {"tensorrt", "paddle_tensorrt", "onnxruntime", "paddle_inference"}
    assert {row.status for row in gpu} == {Status.UNAVAILABLE}
    assert all("no NVIDIA GPU" in row.reason for row in gpu)


@pytest.mark.parametrize("backend", BACKENDS)
def test_demo_keeps_the_accuracy_when_quantized(rows, backend):
    fp32, int8 = (rows[backend, precision, Scope.RUNTIME] for precision in (Precision.FP32, Precision.INT8))
    assert fp32.metric_value >= 97.0
    assert int8.metric_drop <= 1.0
    assert int8.drop_low <= int8.metric_drop <= int8.drop_high
    assert int8.sqnr_db > 10
    assert int8.model_size_mb < 0.3 * fp32.model_size_mb


@pytest.mark.parametrize("backend", BACKENDS)
def test_demo_fp32_matches_paddle_when_deployed(folder, backend):
    parity = {m.name: m.value for m in read_metrics(folder) if m.backend == backend and m.precision is Precision.FP32}
    assert parity["parity_max_abs"] < 1e-4
    assert parity["parity_cosine"] > 0.99999


def test_demo_runs_convolutions_in_int8_when_onnxruntime_got_its_dialect(rows):
    assert rows["onnxruntime", Precision.INT8, Scope.RUNTIME].int8_share > 0.9
    assert rows["onnxruntime", Precision.FP32, Scope.RUNTIME].int8_share == 0.0


def test_lesson_on_classification_is_green_when_it_is_given_the_demo(recipe, folder, green_lesson):
    lesson = green_lesson("20_classification", folder, timeout_s=300, recipe=recipe)
    for plot in ("drops", "choices", "parts"):
        assert (folder / "plots" / f"{plot}.png").read_bytes().startswith(b"\x89PNG")
    alternatives = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', lesson.shown)
    assert [text.startswith("Chart: ") for text in alternatives] == [True] * 3
