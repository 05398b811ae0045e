"""Trying the models of a run on something of one's own."""

from pathlib import Path
from typing import Any

from workbench.pipeline.finished import deployed_cells, open_run, use


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
        found = use(experiment, cell, prepared, "workbench.measure.predict:predict_job", what="predict", given=given)
        answers.append({"backend": cell.backend, "model": cell.model, "precision": cell.precision, **found})
    return answers
