"""Lessons by the stock papermill alone, their exercises given wrong answers too, and what their checks said."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
import yaml

from workbench.callbacks import EXERCISE
from workbench.notebooks import NOTEBOOKS, unfinished_cells

OPEN = "= ...  #"
WRONG = "= -123.45  #"


@pytest.fixture(scope="module", autouse=True)
def _controls_move_by_themselves() -> Iterator[None]:
    """In every kernel of these tests: a callback that raises is to turn the notebook's verdict bad."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(EXERCISE, "1")
        yield


def exercise_cells(notebook: Any) -> list[Any]:
    """The cells that leave an answer open."""
    return [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]


def with_wrong_answers(path: Path, folder: Path) -> Path:
    """Write a copy of a notebook in which a wrong answer follows each exercise's solution; returns its path."""
    notebook = nbformat.read(path, as_version=4)
    for cell in exercise_cells(notebook):
        wrong = nbformat.v4.new_code_cell(cell.source.replace(OPEN, WRONG), metadata={"tags": ["wrong"]})
        notebook.cells.insert(notebook.cells.index(cell) + 2, wrong)
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


def exercise_faults(cells: list[Any]) -> list[str]:
    """What is not as it should be in executed cells with wrong answers: open ones, accepted solutions, refused ones."""
    found = []
    starts = {"exercise": "Open: ", "solution": "Right: ", "wrong": "Not yet: you gave -123.45"}
    for tag, start in starts.items():
        tagged = [cell for cell in cells if tag in cell.metadata.get("tags", [])]
        found += [] if tagged else [f"no cell is tagged {tag}"]
        for cell in tagged:
            said = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            if not (said and said[-1].startswith(start)):
                found.append(f"{tag} {cell.id}: {said} does not start with {start!r}")
    return found


def untold_pictures(cells: list[Any]) -> list[str]:
    """The executed cells that show a picture without alternative text."""
    found = []
    for cell in cells:
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            images = re.findall(r"<img\b[^>]*>", shown.get("text/html", ""))
            bare = [image for image in images if not re.search(r'\balt="[^"]{20,}"', image)]
            if bare or {"image/png", "image/jpeg"} & set(shown):
                found.append(cell.id)
    return found


class Lesson(NamedTuple):
    """What a lesson that ran left: its verdict's file, and what its cells show as text and HTML."""

    result: dict[str, Any]
    shown: str


@pytest.fixture
def green_lesson(tmp_path: Path) -> Callable[..., Lesson]:
    """Run a lesson in a run folder, with some of its parameters, and see that it is green. `verdict`: its file's name."""

    def run(name: str, folder: Path, *, timeout_s: float, verdict: str = "lesson", **parameters: Any) -> Lesson:
        executed = tmp_path / "executed.ipynb"
        notebook = with_wrong_answers(NOTEBOOKS / f"{name}.ipynb", tmp_path)
        given = yaml.safe_dump({"output_dir": str(folder)} | parameters)
        finished = subprocess.run(
            [sys.executable, "-m", "papermill", notebook, executed, "--no-progress-bar", "-k", "python3", "-y", given],
            capture_output=True, text=True, timeout=timeout_s, check=False,
            env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr[-2000:]
        assert unfinished_cells(executed) == []
        cells = nbformat.read(executed, as_version=4).cells
        assert exercise_faults(cells) == []
        assert untold_pictures(cells) == []
        result = json.loads((folder / "notebooks" / f"{verdict}.result.json").read_text())
        assert (result["verdict"], result["reasons"]) == ("passed", [])
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        shown = [output.get("text", "") + output.get("data", {}).get("text/html", "") for output in outputs]
        return Lesson(result, "\n".join(shown))

    return run
