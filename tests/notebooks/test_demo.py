"""The shipped default recipe, whole, through its notebooks: what `make demo` does after the installation.

Every change: with a third of the images and short measurements. Every night: as it is shipped.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

from workbench.experiment import find_recipe
from workbench.machine import this_machine
from workbench.notebooks import STAGE_NOTEBOOKS, unfinished_cells
from workbench.records import Device, Precision, Record, Scope, Status, read_metrics, read_records

pytestmark = pytest.mark.timeout(1200)  # the shipped one takes 4 minutes alone, and three times that beside other tests
SHIPPED = pytest.param("shipped", marks=pytest.mark.slow)
QUICK = {
    "task": {"name": "digits_classification", "options": {"calibration_images": 32, "evaluation_images": 120}},
    "measure": {"warmup": 5, "repeats": 40, "rounds": 4, "block_runs": 10, "block_seconds": 0.0},
}


@pytest.fixture(scope="module", params=["quick", SHIPPED])
def recipe(request, tmp_path_factory):
    """The recipe, by name or by path."""
    if request.param == "shipped":
        return "demo"
    path = tmp_path_factory.mktemp("recipe") / "demo.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(find_recipe("demo").read_text()) | QUICK))
    return str(path)


@pytest.fixture(scope="module")
def ended(recipe, tmp_path_factory):
    """How the command ended, and the folder of the run, beside which is its JUnit file."""
    out = tmp_path_factory.mktemp("demo") / "run"
    command = [sys.executable, "-m", "workbench.cli", "run", recipe, "--out", out, "--junit", out.parent / "junit.xml"]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False), out


@pytest.fixture(scope="module")
def folder(ended):
    return ended[1]


@pytest.fixture(scope="module")
def rows(folder) -> dict[tuple[str, Precision, Scope], Record]:
    return {(row.backend, row.precision, row.scope): row for row in read_records(folder) if row.device is Device.CPU}


BACKENDS = ("paddle_inference", "onnxruntime")


def test_demo_is_green_and_says_where_its_results_are_when_it_ended(ended):
    finished, folder = ended
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.splitlines()[-1] == f"passed; results: {folder}/report.html"
    assert all(f"{name} ..." in finished.stdout for name in STAGE_NOTEBOOKS.values())


def test_demo_keeps_whole_executed_notebooks_when_it_ended(folder):
    for stage, name in STAGE_NOTEBOOKS.items():
        assert unfinished_cells(folder / "notebooks" / f"{name}.ipynb") == []
        assert json.loads((folder / "notebooks" / f"{stage}.result.json").read_text())["verdict"] == "passed"


def test_demo_writes_junit_when_asked(folder):
    suite = ElementTree.parse(folder.parent / "junit.xml").getroot().find("testsuite")
    rows = read_records(folder)
    assert suite.attrib["name"] == "demo"
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase")) >= len(rows)
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    skipped = (Status.UNAVAILABLE, Status.UNSUPPORTED)
    assert int(suite.attrib["skipped"]) == sum(row.status in skipped for row in rows) > 0


def test_demo_leaves_every_result_when_it_ended(folder):
    names = ["results.csv", "results.json", "metrics.csv", "report.md", "report.html", "recipe.yaml", "machine.json"]
    names += [f"plots/{name}.png" for name in ("latency", "speedup", "accuracy_drop", "model_size")]
    left = {path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 100}
    assert [name for name in names if folder / name not in left] == []


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scope", list(Scope))
def test_demo_rows_are_ok_when_the_backend_is_installed(rows, recipe, backend, scope):
    for precision in (Precision.FP32, Precision.INT8):
        row = rows[backend, precision, scope]
        assert (row.status, row.reason) == (Status.OK, "")
        assert row.repeats >= (500 if recipe == "demo" else QUICK["measure"]["repeats"])
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
