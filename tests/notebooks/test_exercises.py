"""The exercises as they stand in the notebooks: each with an open answer, and its solution one cell away."""

import ast

import nbformat
import pytest

from workbench.notebooks import NOTEBOOKS

# The stages, the form (09) and the index teach nothing that could be asked.
LESSONS = sorted(
    path for path in NOTEBOOKS.glob("*.ipynb") if path.stem[:2] not in {"00", "01", "02", "03", "04", "09", "in"} and path.stem != "05_report"
)  # fmt: skip


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def checks(source):
    """The calls of `check` in a cell, as text."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(node) for node in nodes if getattr(node.func, "id", "") == "check"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_has_two_or_three_exercises_each_with_its_solution_folded_away_when_read(path):
    cells = nbformat.read(path, 4).cells
    pairs = [(cell, cells[place + 1]) for place, cell in enumerate(cells) if tagged(cell, "exercise")]
    assert 2 <= len(pairs) <= 3
    assert [cell for cell in cells if tagged(cell, "solution")] == [solution for _, solution in pairs]
    for exercise, solution in pairs:
        assert exercise.source.count("= ...  # ") == 1
        assert len(checks(exercise.source)) == 1
        assert checks(exercise.source) == checks(solution.source)
        assert solution.metadata["jupyter"] == {"source_hidden": True, "outputs_hidden": True}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_needs_no_solution_when_these_are_left_out(path):
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    solved = {name for cell in cells if tagged(cell, "solution") for name in stored(cell.source)}
    others = {name for cell in cells if not tagged(cell, "solution") for name in stored(cell.source)}
    read = {
        node.id
        for cell in cells
        if not tagged(cell, "solution")
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert (solved - others) & read == set()


def stored(source):
    return {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
