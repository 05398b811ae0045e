"""The teaching notebooks on methods that train, by the stock papermill alone: every claim is borne out, every plot is told in words."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from workbench.notebooks import NOTEBOOKS, unfinished_cells

PLOTS = {
    "12_qat_and_pact": ("staircase", "clip_gradient", "losses", "ranges", "drops"),
    "13_distillation_one_click": ("softened", "gradients", "noise"),
    "14_pruning_and_joint_strategies": ("ranks", "shares", "costs", "losses", "joint"),
}


@pytest.mark.parametrize("name", PLOTS)
def test_lesson_bears_out_its_claims_when_papermill_runs_it(
    name, tmp_path, with_wrong_answers, exercise_faults, untold_pictures
):
    executed, folder = tmp_path / "executed.ipynb", tmp_path / "run"
    finished = subprocess.run(
        [sys.executable, "-m", "papermill", with_wrong_answers(NOTEBOOKS / f"{name}.ipynb"), executed, "--no-progress-bar", "-k", "python3",
         "-p", "output_dir", str(folder)],
        capture_output=True, text=True, timeout=1800, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert unfinished_cells(executed) == []
    assert exercise_faults(executed) == []
    assert untold_pictures(executed) == []
    result = json.loads((folder / "notebooks" / "lesson.result.json").read_text())
    assert (result["verdict"], result["reasons"]) == ("passed", [])
    assert len(result["claims"]) >= len(PLOTS[name])
    outputs = [output for cell in nbformat.read(executed, 4).cells for output in cell.get("outputs", [])]
    told = re.findall(r'<img src="data:image/png[^"]*" alt="([^"]+)"', "".join(o.get("data", {}).get("text/html", "") for o in outputs))  # fmt: skip
    assert len(told) == len(PLOTS[name])
    assert all(re.match(r"Chart: .+\. .*\d", alt) for alt in told)
    assert all((folder / "plots" / f"{plot}.png").is_file() for plot in PLOTS[name])
