"""A notebook whose view has a bad callback: red by the workbench's runner, although papermill alone stays green."""

import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from workbench.callbacks import EXERCISE
from workbench.notebooks import run_notebook

PARAMETERS = "broken: bool = True  # whether the callback raises\nresult: str = ''  # where the verdict goes"
VIEW = """
import ipywidgets as widgets
from workbench.ui.view import View

class Picker(View):
    def static_html(self):
        return "<p>a picker</p>"

def redraw(change):
    assert not broken, "nothing to draw"

picker, choice = Picker(), widgets.Dropdown(options=["int8", "fp32"], description="Precision")
picker.content = (choice,)
choice.observe(picker.guard(redraw), names="value")
picker
"""
CONCLUDE = """
from pathlib import Path
from workbench.pipeline.verdict import write_verdict
write_verdict(Path(result), reasons=[], details={})
"""


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook with the view in it; gives its path."""

    def write(*cells):
        made = new_notebook(
            cells=[new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), *map(new_code_cell, cells)]
        )
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, tmp_path / "made.ipynb")
        return tmp_path / "made.ipynb"

    return write


def judged(path, **parameters):
    executed, result = path.parent / "executed.ipynb", path.parent / "result.json"
    return run_notebook(path, executed=executed, result_file=result, parameters={"result": str(result)} | parameters)


def test_notebook_is_red_when_a_callback_raises(notebook):
    found = judged(notebook(VIEW, CONCLUDE))
    assert not found.stopped
    assert len(found.problems) == 1
    assert "VerdictFailed: a callback of Picker raised AssertionError: nothing to draw" in found.problems[0]


def test_notebook_is_green_and_shows_the_view_without_widgets_when_no_callback_raises(notebook):
    found = judged(notebook(VIEW, CONCLUDE), broken=False)
    assert found.problems == ()
    executed = nbformat.read(found.executed, 4)
    assert "widgets" not in executed.metadata
    bundles = [output.get("data", {}) for cell in executed.cells for output in cell.get("outputs", [])]
    assert any(bundle.get("text/html") == "<p>a picker</p>" for bundle in bundles)


def test_papermill_alone_stays_green_when_a_callback_raises(notebook, tmp_path):
    command = [sys.executable, "-m", "papermill", notebook(VIEW), tmp_path / "alone.ipynb", "-k", "python3"]
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=os.environ | {EXERCISE: "1"}
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    outputs = [
        output for cell in nbformat.read(tmp_path / "alone.ipynb", 4).cells for output in cell.get("outputs", [])
    ]
    assert any("a callback of Picker raised AssertionError" in output.get("text", "") for output in outputs)
