"""Executed copies of the notebooks, kept until the notebook or its parameters change."""

import hashlib
import json
from pathlib import Path
from typing import Any

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from workbench.errors import WorkbenchError
from workbench.notebooks import QUIET_KERNEL, unfinished_cells

KEY = "workbench_site"


def executed_copy(notebook: Path, copy: Path, *, parameters: dict[str, Any]) -> bool:
    """Execute a notebook into `copy`, unless what is there is of this very notebook; tells whether it had to.

    Raises WorkbenchError naming the notebook and what went wrong in it. What it then wrote is not taken for an executed copy.
    """
    key = _key(notebook, parameters)
    if copy.is_file() and nbformat.read(copy, as_version=4).metadata.get(KEY) == key:
        return False
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            notebook, copy, parameters, kernel_name="python3", progress_bar=False, cwd=str(notebook.parent),
            extra_arguments=QUIET_KERNEL,
        )  # fmt: skip
    except PapermillExecutionError as error:
        raise WorkbenchError(f"{notebook.name}, cell {error.exec_count}: {error.ename}: {error.evalue}") from None
    if problems := unfinished_cells(copy):
        raise WorkbenchError(f"{notebook.name}: {problems[0]}")
    executed = nbformat.read(copy, as_version=4)
    executed.metadata[KEY] = key
    nbformat.write(executed, copy)
    return True


def known_parameters(notebook: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Those of `wanted` that the notebook has."""
    known = papermill.inspect_notebook(str(notebook))
    return {name: value for name, value in wanted.items() if name in known}


def _key(notebook: Path, parameters: dict[str, Any]) -> str:
    return hashlib.sha256(notebook.read_bytes() + json.dumps(parameters, sort_keys=True).encode()).hexdigest()
