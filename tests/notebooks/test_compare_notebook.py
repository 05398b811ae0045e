"""The notebook that compares two runs, on the tiny run and its second measuring, by the stock papermill alone."""

import json
import os
import subprocess
import sys

import nbformat

from workbench.notebooks import NOTEBOOKS, unfinished_cells
from workbench.records import read_records


def test_compare_notebook_is_green_when_papermill_runs_it_alone(
    finished_run, tmp_path, with_wrong_answers, exercise_faults
):
    run = finished_run.moved_to(tmp_path / "run")
    executed = tmp_path / "executed.ipynb"
    before = (run.folder / "results.json").read_text()
    command = [sys.executable, "-m", "papermill", with_wrong_answers(NOTEBOOKS / "08_compare.ipynb"), executed]
    parameters = ["-p", "recipe", str(run.recipe), "-p", "output_dir", str(run.folder)]
    finished = subprocess.run(
        [*command, "--no-progress-bar", "-k", "python3", *parameters], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert unfinished_cells(executed) == []
    assert exercise_faults(executed) == []
    assert json.loads((run.folder / "notebooks" / "lesson.result.json").read_text())["verdict"] == "passed"
    first, second = (
        {row.key(): row.latency_p50_ms for row in read_records(tmp_path / name) if row.latency_p50_ms}
        for name in ("run", "run-again")
    )
    assert set(first) == set(second)
    assert all(first[key] != second[key] for key in first)
    assert json.loads(before)["rows"] == json.loads((run.folder / "results.json").read_text())["rows"]
    html = "".join(
        output.get("data", {}).get("text/html", "")
        for cell in nbformat.read(executed, 4).cells
        for output in cell.get("outputs", [])
    )
    assert "From run (A) to run-again (B), beyond the noise: " in html
