"""The teaching notebooks, by the stock papermill alone: what they claim is measured, and each claim has its plot."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import yaml

from workbench.callbacks import EXERCISE
from workbench.notebooks import NOTEBOOKS, unfinished_cells

# Notebook, its plots, and parameters that make it shorter.
LESSONS = [
    ("05a_fundamentals", ["products"], {}),
    ("10_dynamic_vs_static", ["rounding_noise", "sizes", "speedups", "reading", "drops"], {}),
    ("11_calibration_algorithms", ["thresholds", "errors", "outcomes"], {"algorithms": ["abs_max", "hist"]}),
    (
        "16_instruction_sets",
        ["isa_speedups"],
        {"sample": "digits_mobilenet_v1_x0_25", "limits": ["AVX2"], "smoke": True},
    ),
]


@pytest.mark.timeout(1200)  # two files of tests at once, on 2 cores
@pytest.mark.parametrize(("name", "plots", "parameters"), LESSONS, ids=[name for name, *_ in LESSONS])
def test_lesson_shows_what_it_claims_when_papermill_runs_it_alone(
    name, plots, parameters, tmp_path, with_wrong_answers, exercise_faults, untold_pictures
):
    folder, executed = tmp_path / "run", tmp_path / "executed.ipynb"
    command = [
        sys.executable,
        "-m",
        "papermill",
        with_wrong_answers(NOTEBOOKS / f"{name}.ipynb"),
        executed,
        "--no-progress-bar",
    ]
    finished = subprocess.run(
        [*command, "-k", "python3", "-p", "output_dir", str(folder), "-y", yaml.safe_dump(parameters)],
        capture_output=True, text=True, timeout=1150, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1", EXERCISE: "1"},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert unfinished_cells(executed) == []
    assert exercise_faults(executed) == []
    assert untold_pictures(executed) == []
    result = json.loads((folder / "notebooks" / "lesson.result.json").read_text())
    assert result["verdict"] == "passed"
    assert len(result["claims"]) >= len(plots) or parameters.get("smoke")
    cells = nbformat.read(executed, 4).cells
    shown = "".join(o.get("data", {}).get("text/html", "") for cell in cells for o in cell.get("outputs", []))
    assert all((folder / "plots" / f"{plot}.png").read_bytes().startswith(b"\x89PNG") for plot in plots)
    alternatives = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', shown)
    assert [text.startswith("Chart: ") for text in alternatives] == [True] * len(plots)


@pytest.mark.parametrize("name", [name for name, *_ in LESSONS])
def test_lesson_ends_with_its_claims_and_loads_no_runtime_when_read(name):
    code = [cell.source for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    assert "pipeline.conclude_lesson(" in code[-1]
    assert not re.search(r"^\s*(import|from) (paddle|onnxruntime|openvino)\b", "\n".join(code), re.MULTILINE)
