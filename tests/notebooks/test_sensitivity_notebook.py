"""The sensitivity notebook on the tiny run, by the stock papermill alone."""

import json
import os
import subprocess
import sys

import nbformat

from workbench.notebooks import NOTEBOOKS, unfinished_cells


def test_sensitivity_notebook_is_green_when_papermill_runs_it_alone(
    finished_run, tmp_path, with_wrong_answers, exercise_faults, untold_pictures
):
    run = finished_run.moved_to(tmp_path / "run")
    executed = tmp_path / "executed.ipynb"
    parameters = ["-p", "recipe", str(run.recipe), "-p", "output_dir", str(run.folder)]
    command = [
        sys.executable,
        "-m",
        "papermill",
        with_wrong_answers(NOTEBOOKS / "06_sensitivity.ipynb"),
        executed,
        "--no-progress-bar",
        "-k",
        "python3",
    ]
    finished = subprocess.run(
        [*command, *parameters], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert unfinished_cells(executed) == []
    assert exercise_faults(executed) == []
    assert untold_pictures(executed) == []
    result = json.loads((run.folder / "notebooks" / "sensitivity.result.json").read_text())
    assert result["verdict"] == "passed"
    texts = [output.get("text", "") for cell in nbformat.read(executed, 4).cells for output in cell.get("outputs", [])]
    assert any(text.startswith("skip_tensors: [") for text in texts)
    assert {"sensitivity_static-hist-symmetric.png", "layers_static-hist-symmetric.png"} <= {
        path.name for path in (run.folder / "plots").iterdir()
    }
