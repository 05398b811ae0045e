"""The shipped notebooks on the tiny recipe: through a `workbench run` that goes wrong, by the stock papermill alone, and as files."""

import ast
import dataclasses
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
import yaml

from workbench.notebooks import NOTEBOOKS, STAGE_NOTEBOOKS, unfinished_cells
from workbench.records import Status, read_records

FILES = sorted(NOTEBOOKS.rglob("*.ipynb"))
PARAMETERS = ("recipe", "output_dir", "smoke", "fresh", "only")
LINES_IN_A_CELL = 15
# A lesson holds its recipe, and its formulas as functions of a few statements.
LINES_IN_A_LESSONS_CELL = 25
STATEMENTS_IN_A_FORMULA = 3
IMPOSSIBLE = [{"where": {"precision": "fp32", "device": "cpu"}, "column": "metric_value", "minimum": 100.5}]
LIMIT_S = 300


def run(*command):
    """Run a module of this python; quiet kernels, as the shell of a CI service has it."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
    )  # fmt: skip


def papermill(name, run_folder, executed, recipe):
    executed.mkdir(exist_ok=True)
    arguments = ["--no-progress-bar", "-k", "python3", "-p", "recipe", recipe, "-p", "output_dir", run_folder]
    return run("papermill", NOTEBOOKS / f"{name}.ipynb", executed / f"{name}.ipynb", *arguments)


def expect(tiny_run, expectations):
    """State other expectations in the recipe of a run."""
    data = yaml.safe_load(tiny_run.recipe.read_text())
    tiny_run.recipe.write_text(yaml.safe_dump(data | {"expect": expectations}))


def copied(finished_run, folder):
    """A copy of the finished run, with its recipe."""
    folder.mkdir()
    recipe = folder / finished_run.recipe.name
    shutil.copy(finished_run.recipe, recipe)
    return dataclasses.replace(finished_run.moved_to(folder / "run"), recipe=recipe)


def bad(finished_run, folder):
    """`workbench run --junit` with a worker that dies and an expectation that cannot be met."""
    started = copied(finished_run, folder)
    expect(started, IMPOSSIBLE)
    started.forget("evaluate-onnxruntime-cpu-int8")
    started.break_task(kind="segfault", loaded="onnxruntime")
    return run("workbench.cli", "run", started.recipe, "--out", started.folder, "--junit", folder / "junit.xml")


def alone(finished_run, folder):
    """Every notebook by papermill, then the report once more with an expectation that cannot be met."""
    started = copied(finished_run, folder)
    finished = {name: papermill(name, started.folder, folder, started.recipe) for name in STAGE_NOTEBOOKS.values()}
    expect(started, IMPOSSIBLE)
    return finished, papermill("05_report", started.folder, folder / "again", started.recipe)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, finished_run):
    """What became of these two, by name, and the folder that each has its own in. Both at a time: they take long."""
    folder = tmp_path_factory.mktemp("runs")
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = {part.__name__: pool.submit(part, finished_run, folder / part.__name__) for part in (alone, bad)}
        return {name: future.result() for name, future in started.items()}, folder


# Through `workbench run`; test_demo.py has the run that is green


def test_run_is_red_and_complete_when_a_worker_dies_and_an_expectation_is_not_met(runs):
    finished, folder = runs[0]["bad"], runs[1] / "bad"
    assert finished.returncode == 1
    assert [line for line in finished.stdout.splitlines() if line.endswith(" ...")] == [
        f"{name} ..." for name in STAGE_NOTEBOOKS.values()
    ]
    assert "VerdictFailed: onnxruntime-cpu-int8-t1-b1-static-hist: crashed: crashed (SIGSEGV)" in finished.stdout
    assert "is below 100.5" in finished.stdout
    assert finished.stdout.splitlines()[-1] == f"failed; results: {folder}/run/report.html"
    rows = read_records(folder / "run")
    assert {row.status for row in rows if (row.backend, row.precision) == ("onnxruntime", "int8")} == {Status.CRASHED}
    assert sum(row.status is Status.OK for row in rows) == 6
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert int(suite.attrib["failures"]) == 3
    assert (folder / "run" / "report.html").is_file()


# By papermill alone


def test_notebooks_are_green_when_papermill_runs_them_alone(runs):
    for name, finished in runs[0]["alone"][0].items():
        assert finished.returncode == 0, finished.stderr[-2000:]
        assert unfinished_cells(runs[1] / "alone" / f"{name}.ipynb") == []


def test_report_is_red_when_papermill_runs_it_alone_and_an_expectation_is_not_met(runs):
    finished = runs[0]["alone"][1]
    assert finished.returncode != 0
    assert "VerdictFailed" in finished.stderr
    assert "is below 100.5" in finished.stderr


# As files


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_notebook_has_one_cell_of_literal_parameters_when_read(notebook):
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    statements = ast.parse(cell.source).body
    assert all(isinstance(statement, ast.AnnAssign) for statement in statements)
    for statement in statements:
        ast.literal_eval(statement.value)
    assert all("  # " in line for line in cell.source.splitlines())


@pytest.mark.parametrize("name", STAGE_NOTEBOOKS.values())
def test_stage_notebooks_have_the_same_parameters_when_compared(name):
    cells = code_cells(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4))
    assert tuple(statement.target.id for statement in ast.parse(cells[0].source).body) == PARAMETERS


def test_notebook_holds_no_logic_when_read(notebook):
    is_lesson = "conclude_lesson(" in code_cells(notebook)[-1].source
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= (LINES_IN_A_LESSONS_CELL if is_lesson else LINES_IN_A_CELL)
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not {type(node) for node in nodes} & {ast.ClassDef, ast.While, ast.Try}
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        assert is_lesson or not functions
        assert all(len(function.body) <= STATEMENTS_IN_A_FORMULA for function in functions)


def test_notebook_is_stripped_when_it_is_stored(notebook):
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    nbformat.validate(notebook)
