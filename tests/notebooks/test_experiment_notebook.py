"""The notebook of the form, by our runner: it starts a real run in the background, waits for it, and asks its models."""

import json

import nbformat

from workbench import background_run
from workbench.background_run import RunState
from workbench.notebooks import NOTEBOOKS, run_notebook

NAME = "digits_mobilenet_v1_x0_25_int8"


def test_experiment_notebook_starts_a_run_and_asks_its_models_when_nobody_watches(tmp_path):
    folder = tmp_path / "runs" / NAME
    result = run_notebook(
        NOTEBOOKS / "09_new_experiment.ipynb",
        executed=tmp_path / "executed.ipynb",
        result_file=folder / "notebooks" / "started.result.json",
        parameters={"output_dir": str(tmp_path / "runs"), "smoke": True},
    )
    assert result.problems == ()
    assert background_run.find(folder).state is RunState.PASSED
    assert (tmp_path / "runs" / "recipes" / f"{NAME}.yaml").is_file()
    assert json.loads((folder / "notebooks" / "started.result.json").read_text())["verdict"] == "passed"
    outputs = [output for cell in nbformat.read(result.executed, 4).cells for output in cell.get("outputs", [])]
    html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    assert f"{NAME}: passed" in html
    assert "INT8 static-hist against FP32: " in html
    assert "<img " in html
