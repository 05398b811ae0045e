"""What tests of notebooks share: exercises with wrong answers too, what their checks said, and pictures that are not told in words."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

OPEN = "= ...  #"
WRONG = "= -123.45  #"


def exercise_cells(notebook: Any) -> list[Any]:
    """The cells that leave an answer open."""
    return [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]


@pytest.fixture
def with_wrong_answers(tmp_path: Path) -> Callable[[Path], Path]:
    """Write a copy of a notebook in which a wrong answer follows each exercise's solution; returns its path."""

    def written(path: Path) -> Path:
        notebook = nbformat.read(path, as_version=4)
        for cell in exercise_cells(notebook):
            wrong = nbformat.v4.new_code_cell(cell.source.replace(OPEN, WRONG), metadata={"tags": ["wrong"]})
            notebook.cells.insert(notebook.cells.index(cell) + 2, wrong)
        copy = tmp_path / path.name
        nbformat.write(notebook, copy)
        return copy

    return written


@pytest.fixture
def exercise_faults() -> Callable[[Path], list[str]]:
    """What is not as it should be in an executed notebook with wrong answers: open ones, accepted solutions, refused ones."""

    def faults(executed: Path) -> list[str]:
        found = []
        starts = {"exercise": "Open: ", "solution": "Right: ", "wrong": "Not yet: you gave -123.45"}
        cells = nbformat.read(executed, as_version=4).cells
        for tag, start in starts.items():
            tagged = [cell for cell in cells if tag in cell.metadata.get("tags", [])]
            found += [] if tagged else [f"no cell is tagged {tag}"]
            for cell in tagged:
                said = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
                if not (said and said[-1].startswith(start)):
                    found.append(f"{tag} {cell.id}: {said} does not start with {start!r}")
        return found

    return faults


@pytest.fixture
def untold_pictures() -> Callable[[Path], list[str]]:
    """The cells of an executed notebook that show a picture without alternative text."""

    def untold(executed: Path) -> list[str]:
        found = []
        for cell in nbformat.read(executed, as_version=4).cells:
            for output in cell.get("outputs", []):
                shown = output.get("data", {})
                images = re.findall(r"<img\b[^>]*>", shown.get("text/html", ""))
                bare = [image for image in images if not re.search(r'\balt="[^"]{20,}"', image)]
                if bare or {"image/png", "image/jpeg"} & set(shown):
                    found.append(cell.id)
        return found

    return untold
