"""Running notebooks headlessly, and calling a run green only when everything about it is."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.callbacks import EXERCISE
from workbench.errors import BusyError, InputError

logger = logging.getLogger(__name__)
NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
# A stage may train for hours, and ends hanging jobs itself; this ends a kernel that hangs.
CELL_TIMEOUT_S = 24 * 3600
# ipykernel 7 warns, on every start, that its loopback sockets are not encrypted.
QUIET_KERNEL = ["--Application.log_level=CRITICAL"]
# Nobody sits at this kernel to move the controls of a view: the view does it itself.
EXERCISED_KERNEL = [f"--IPKernelApp.exec_lines=import os; os.environ[{EXERCISE!r}] = '1'"]
STAGE_NOTEBOOKS = {
    "machine": "00_machine",
    "quantize": "01_quantize",
    "deploy": "02_deploy",
    "accuracy": "03_accuracy",
    "latency": "04_latency",
    "report": "05_report",
}
USER_ERRORS = {"InputError": InputError, "BusyError": BusyError}


@dataclass(frozen=True)
class NotebookResult:
    """What became of one notebook: green when `problems` is empty. `stopped` means that it did not reach its verdict."""

    notebook: str
    executed: Path
    problems: tuple[str, ...]
    stopped: bool = False


def run_notebook(
    notebook: Path,
    *,
    executed: Path,
    result_file: Path,
    parameters: dict[str, Any],
    cell_timeout_s: int = CELL_TIMEOUT_S,
) -> NotebookResult:
    """Execute a notebook with papermill and judge it.

    Raises InputError for parameters that the notebook does not have (papermill only warns), and when a cell found the
    user's input at fault. Every other failure is told by the result.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    _refuse_unknown(notebook, parameters)
    result_file.unlink(missing_ok=True)
    executed.parent.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    stopped = False
    try:
        papermill.execute_notebook(
            notebook,
            executed,
            parameters,
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=cell_timeout_s,
            extra_arguments=[*QUIET_KERNEL, *EXERCISED_KERNEL],
            # Of views these kernels keep the HTML; the scripts of their widgets would be a megabyte.
            store_widget_state=False,
            cwd=str(notebook.parent),
        )
    except PapermillExecutionError as error:
        if error.ename in USER_ERRORS:
            raise USER_ERRORS[error.ename](error.evalue) from None
        stopped = error.ename != "VerdictFailed"
        problems.append(f"cell {error.exec_count}: {error.ename}: {error.evalue}")
    except Exception as error:
        # A dead or hanging kernel comes in many exception types.
        stopped = True
        problems.append(
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
        )
    if not problems:
        problems += unfinished_cells(executed)
    if not stopped:
        problems += _bad_result(result_file, known=problems)
    return NotebookResult(notebook.stem, executed, tuple(problems), stopped)


def unfinished_cells(executed: Path) -> list[str]:
    """Signs in an executed notebook that not every cell ran to its end, which papermill's exit code does not show."""
    import nbformat

    found = []
    notebook: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        status = cell.metadata.get("papermill", {}).get("status")
        if status != "completed" and cell.source.strip():
            found.append(f"cell {number} is {status or 'not run'}")
        found += [
            f"cell {number} shows {output.ename}: {output.evalue}"
            for output in cell.outputs
            if output.output_type == "error"
        ]
    return found


def _refuse_unknown(notebook: Path, parameters: dict[str, Any]) -> None:
    import papermill

    if not notebook.is_file():
        raise InputError(f"notebook {notebook}: no such file")
    known = papermill.inspect_notebook(str(notebook))
    if unknown := sorted(set(parameters) - set(known)):
        raise InputError(
            f"notebook {notebook.name}: unknown parameter {unknown[0]!r}; its parameters are: {', '.join(known)}"
        )


def _bad_result(result_file: Path, *, known: list[str]) -> list[str]:
    try:
        result = json.loads(result_file.read_text(encoding="utf-8"))
        verdict, reasons = result["verdict"], result["reasons"]
    except FileNotFoundError:
        return [f"it wrote no {result_file.name}"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        return [f"its {result_file.name} is not valid: {error}"]
    if verdict == "passed" or known:
        return []
    return [f"verdict {verdict}: {'; '.join(reasons)}"]
