"""Executed copies are made once, and only of notebooks that are green."""

import nbformat
import pytest

from docs.site.execution import executed_copy, known_parameters
from workbench.errors import WorkbenchError


def test_executed_copy_is_made_again_when_parameters_or_the_notebook_change(checkout, tmp_path):
    notebook, copy = checkout / "notebooks" / "first.ipynb", tmp_path / "copies" / "first.ipynb"
    assert executed_copy(notebook, copy, parameters={})
    assert not executed_copy(notebook, copy, parameters={})
    outputs = nbformat.read(copy, as_version=4).cells[-1].outputs
    assert outputs[0].text == "found by one who thought\n"
    assert executed_copy(notebook, copy, parameters={"answer": 3})


def test_executed_copy_names_notebook_and_error_and_is_not_kept_when_a_cell_fails(checkout, tmp_path):
    notebook, copy = checkout / "notebooks" / "second.ipynb", tmp_path / "second.ipynb"
    for _ in range(2):
        with pytest.raises(WorkbenchError, match=r"second.ipynb, cell 2: NameError: name 'show' is not defined"):
            executed_copy(notebook, copy, parameters={})


def test_known_parameters_are_the_notebooks_own_when_more_are_offered(checkout):
    assert known_parameters(checkout / "notebooks" / "first.ipynb", {"answer": 1, "smoke": True}) == {"answer": 1}
