"""The notebook on choosing a method, by the stock papermill alone: with a run of several methods, and without any run."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

from workbench.notebooks import NOTEBOOKS, unfinished_cells
from workbench.records import Device, Precision, Record, Scope, Status, write_records

ROW = {"model": "tiny", "backend": "onnxruntime", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK,
       "metric_name": "top1", "metric_value": 90.0, "model_size_mb": 4.0}  # fmt: skip
MADE = {"metric_drop": 1.5, "drop_low": 1.0, "drop_high": 2.0, "method": "static", "precision": Precision.INT8}


def execute(folder, executed, notebook=NOTEBOOKS / "07_choose_a_method.ipynb"):
    """Run the notebook on a run folder; returns papermill's end and the text of all outputs."""
    command = [sys.executable, "-m", "papermill", notebook, executed, "--no-progress-bar"]
    finished = subprocess.run(
        [*command, "-k", "python3", "-p", "recipe", "mine", "-p", "output_dir", str(folder)],
        capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )  # fmt: skip
    outputs = [output for cell in nbformat.read(executed, 4).cells for output in cell.get("outputs", [])]
    texts = [output.get("text", "") + output.get("data", {}).get("text/html", "") for output in outputs]
    return finished, "\n".join(texts)


@pytest.fixture
def run_of_two(tmp_path):
    """A run folder with FP32 and two variants of INT8."""
    folder = tmp_path / "run"
    made = [ROW | MADE | {"variant": name, "latency_mean_ms": 4.0, "latency_p50_ms": 4.0} for name in ("hist", "mse")]
    rows = [ROW | {"precision": Precision.FP32, "latency_mean_ms": 9.0, "latency_p50_ms": 9.0}, *made]
    folder.mkdir()
    write_records(folder, [Record(**row) for row in rows])
    return folder


def test_choose_notebook_shows_answers_and_measured_methods_when_papermill_runs_it(run_of_two, tmp_path):
    executed = tmp_path / "executed.ipynb"
    finished, text = execute(run_of_two, executed)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert unfinished_cells(executed) == []
    result = json.loads((run_of_two / "notebooks" / "choose.result.json").read_text())
    assert (result["verdict"], result["combinations"]) == ("passed", 108)
    assert "models that methods made: 2" in text
    assert text.count("distill_prune") >= 2
    assert "1.50 (1.00 to 2.00)" in text
    assert (run_of_two / "plots" / "trade_off.png").is_file()
    assert "Scatter plot" in text


def test_choose_notebook_names_the_command_when_there_is_no_run(tmp_path, with_wrong_answers, exercise_faults):
    folder, executed = tmp_path / "not_there", tmp_path / "executed.ipynb"
    finished, text = execute(folder, executed, with_wrong_answers(NOTEBOOKS / "07_choose_a_method.ipynb"))
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert exercise_faults(executed) == []
    assert f"workbench run mine --out {folder}" in text
    assert json.loads((folder / "notebooks" / "choose.result.json").read_text())["verdict"] == "passed"
