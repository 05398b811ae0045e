"""Trying the models of a run on something of one's own."""

from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.pipeline.finished import deployed_cells, open_run
from workbench.pipeline.stages import session_arguments
from workbench.records import Status


def predict(run: Path, given: str, *, backend: str = "", model: str = "") -> list[dict[str, Any]]:
    """What the deployed models of a run make of an image, or whatever else its task reads: the FP32 model's answer first.

    By default on the first backend of the recipe that has models. Each answer has `backend`, `model`, `precision`, `prediction`
    (JSON), `text` and `run_ms`. Raises InputError for a run or sample that cannot be used, WorkbenchError when a model fails.
    """
    experiment = open_run(run)
    cells = deployed_cells(experiment, backend=backend, model=model)
    chosen = backend or cells[0][0].backend
    answers = []
    for cell, prepared in cells:
        if cell.backend != chosen:
            continue
        arguments = session_arguments(experiment, cell, prepared, batch=1) | {"given": given}
        outcome = run_job(
            "workbench.measure.predict:predict_job",
            arguments,
            log=experiment.run.log(f"predict-{cell.key}"),
            timeout_s=experiment.recipe.measure.timeout_s,
            threads=cell.threads,
        )
        if outcome.status is not Status.OK:
            raise WorkbenchError(f"predict: {cell.key}: {outcome.status}: {outcome.reason}")
        answers.append({"backend": cell.backend, "model": cell.model, "precision": cell.precision, **outcome.value})
    return answers
