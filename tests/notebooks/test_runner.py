"""The runner's verdict: green only when every cell ran, nothing failed, and a valid result says so."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.errors import BusyError, InputError
from workbench.notebooks import run_notebook, unfinished_cells

PARAMETERS = "value: int = 1  # a number\nresult: str = ''  # where the verdict goes"
WRITE_RESULT = """
import json, pathlib
pathlib.Path(result).write_text(json.dumps({"verdict": VERDICT, "reasons": REASONS}))
"""
PASSED = WRITE_RESULT.replace("VERDICT", "'passed'").replace("REASONS", "[]")
FAILED = WRITE_RESULT.replace("VERDICT", "'failed'").replace("REASONS", "['row x is slow']")


@pytest.fixture
def run(tmp_path):
    """Run a notebook made of code cells; gives the verdict."""

    def run(*cells, cell_timeout_s=60, **parameters):
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[new_markdown_cell("# A notebook"), first, *map(new_code_cell, cells)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, tmp_path / "made.ipynb")
        return run_notebook(
            tmp_path / "made.ipynb",
            executed=tmp_path / "executed" / "made.ipynb",
            result_file=tmp_path / "result.json",
            parameters={"result": str(tmp_path / "result.json")} | parameters,
            cell_timeout_s=cell_timeout_s,
        )

    return run


def test_notebook_is_green_when_every_cell_ran_and_the_verdict_is_good(run):
    found = run("doubled = 2 * value\nprint(doubled)", PASSED, value=21)
    assert (found.problems, found.stopped) == ((), False)
    executed = nbformat.read(found.executed, as_version=4)
    assert [cell.outputs[0].text for cell in executed.cells if cell.source.startswith("doubled")] == ["42\n"]


def test_parameter_is_refused_when_the_notebook_has_no_such_one(run, tmp_path):
    with pytest.raises(InputError, match=r"made\.ipynb: unknown parameter 'valeu'; its parameters are: value, result"):
        run(PASSED, valeu=2)
    assert not (tmp_path / "executed").exists()


def test_notebook_is_refused_when_it_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"absent\.ipynb: no such file"):
        run_notebook(tmp_path / "absent.ipynb", executed=tmp_path / "x", result_file=tmp_path / "y", parameters={})


def test_notebook_is_red_when_a_cell_raises(run):
    found = run("raise ValueError('no such thing')", PASSED)
    assert found.stopped
    assert len(found.problems) == 1
    assert re.search("ValueError: no such thing", found.problems[0])


def test_notebook_is_red_when_it_leaves_in_the_middle_with_exit_code_0(run):
    found = run("import sys\nsys.exit(0)", PASSED)
    assert "cell 4 is pending" in found.problems
    assert "it wrote no result.json" in found.problems


def test_notebook_is_red_when_its_kernel_is_killed(run):
    found = run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", PASSED)
    assert found.stopped
    assert len(found.problems) == 1
    assert re.search("(?i)kernel", found.problems[0])


def test_notebook_is_red_when_a_cell_hangs(run):
    found = run("import time\ntime.sleep(600)", PASSED, cell_timeout_s=2)
    assert found.stopped
    assert len(found.problems) == 1
    assert re.search("(?i)timeout|timed out", found.problems[0])


def test_notebook_is_red_when_it_writes_no_result(run):
    found = run("1 + 1")
    assert found.problems == ("it wrote no result.json",)


def test_notebook_is_red_when_an_older_result_says_that_it_passed(run, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"verdict": "passed", "reasons": []}))
    assert run("1 + 1").problems == ("it wrote no result.json",)


@pytest.mark.parametrize("text", ["half of {", '{"verdict": "passed"}', "[]"])
def test_notebook_is_red_when_its_result_is_not_valid(run, text):
    found = run(f"import pathlib\npathlib.Path(result).write_text({text!r})")
    assert len(found.problems) == 1
    assert found.problems[0].startswith("its result.json is not valid: ")


def test_notebook_is_red_when_its_verdict_is_bad_although_no_cell_raises(run):
    assert run(FAILED).problems == ("verdict failed: row x is slow",)


def test_notebook_is_red_once_when_its_verdict_is_bad_and_the_last_cell_raises(run):
    raising = "class VerdictFailed(Exception): pass\nraise VerdictFailed('row x is slow')"
    found = run(FAILED, raising)
    assert not found.stopped
    assert len(found.problems) == 1
    assert "VerdictFailed: row x is slow" in found.problems[0]


@pytest.mark.parametrize("kind", [InputError, BusyError])
def test_fault_is_the_users_when_a_cell_finds_it(run, kind):
    with pytest.raises(kind, match="recipe x: no such file"):
        run(f"from workbench.errors import {kind.__name__}\nraise {kind.__name__}('recipe x: no such file')", PASSED)


def test_fault_is_one_line_in_the_notebook_when_it_is_the_users(run, tmp_path):
    with pytest.raises(InputError):
        run("from workbench.errors import InputError\nraise InputError('recipe x: no such file')", PASSED)
    cells = nbformat.read(tmp_path / "executed" / "made.ipynb", as_version=4).cells
    (error,) = [output for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert error.traceback == ["InputError: recipe x: no such file"]


def test_unfinished_cells_are_found_when_an_executed_notebook_stops_early(tmp_path):
    done = new_code_cell("1", metadata={"papermill": {"status": "completed"}})
    pending = new_code_cell("2", metadata={"papermill": {"status": "pending"}})
    error = new_code_cell(
        "3",
        metadata={"papermill": {"status": "completed"}},
        outputs=[nbformat.v4.new_output("error", ename="KeyError", evalue="'x'", traceback=[])],
    )
    nbformat.write(new_notebook(cells=[done, pending, error, new_code_cell("  ")]), tmp_path / "executed.ipynb")
    assert unfinished_cells(tmp_path / "executed.ipynb") == ["cell 1 is pending", "cell 2 shows KeyError: 'x'"]
