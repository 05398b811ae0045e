"""Taking a model of a run away, with all that runs it without the workbench."""

from pathlib import Path

from workbench.errors import InputError
from workbench.pipeline.finished import deployed_cells, open_run, use
from workbench.records import Precision


def export(run: Path, out: Path, *, backend: str, model: str = "", precision: Precision | None = None) -> list[str]:
    """Write a deployed model of a run into the new folder `out`; returns the names of the files there.

    By default the only quantized model of the backend. Raises InputError when the choice is not clear or the folder there,
    WorkbenchError when the model fails.
    """
    experiment = open_run(run)
    cells = deployed_cells(experiment, backend=backend, model=model)
    wanted = [
        (c, p) for c, p in cells if (c.precision is precision if precision else bool(model) or c.precision.is_quantized)
    ]
    if len(wanted) != 1:
        choices = ", ".join(f"--model {cell.model} --precision {cell.precision}" for cell, _ in cells)
        raise InputError(f"export: {len(wanted)} models of {backend} fit; choose one of: {choices}")
    cell, prepared = wanted[0]
    function = "workbench.export.take_away:export_job"
    files: list[str] = use(experiment, cell, prepared, function, what="export", out=str(out.resolve()))
    return files
