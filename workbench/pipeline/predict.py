"""Trying the models of a run on something of one's own, or on a sample of the run's task."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.measure.predict import OUTPUT, PICTURE, Shown
from workbench.measure.statistics import sqnr_db
from workbench.pipeline.finished import deployed_cells, open_run, use
from workbench.pipeline.plan import Cell
from workbench.pipeline.stages import Experiment
from workbench.records import Status

PREDICT = "workbench.measure.predict:predict_job"
SAMPLES = 100


@dataclass(frozen=True)
class SampleList:
    """The first evaluation samples of a run's task (key, text, truth; empty where they are not short), and how predictions are shown."""

    samples: list[dict[str, str]]
    shown: Shown
    names: list[str]


@dataclass(frozen=True)
class Answer:
    """What one deployed model makes of a sample. `sqnr_db` compares its outputs with the first model's; None for that one."""

    cell: Cell
    prediction: Any
    text: str
    run_ms: float
    sqnr_db: float | None


@dataclass(frozen=True)
class Answers:
    """What several make of the same sample, and its picture, uint8 [h, w, 3], where it is one."""

    picture: NDArray[np.uint8] | None
    answers: list[Answer]


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
        found = use(experiment, cell, prepared, PREDICT, what="predict", given=given)
        answers.append({"backend": cell.backend, "model": cell.model, "precision": cell.precision, **found})
    return answers


def sample_list(experiment: Experiment, *, limit: int = SAMPLES) -> SampleList:
    """The first evaluation samples of a run's task, looked up in a worker; raises InputError or WorkbenchError when that fails."""
    outcome = run_job(
        "workbench.measure.predict:samples_job", {"task": experiment.task, "limit": limit},
        log=experiment.run.log("predict-samples"), timeout_s=experiment.recipe.measure.timeout_s,
    )  # fmt: skip
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"samples of {experiment.run.path}: {outcome.status}: {outcome.reason}")
    return SampleList(outcome.value["samples"], Shown(outcome.value["shown"]), outcome.value["names"])


def answers(
    experiment: Experiment,
    given: str | int,
    cells: Sequence[tuple[Cell, str]],
    *,
    say: Callable[[str], None] = lambda text: None,
) -> Answers:
    """What these deployed cells (see `deployed_cells`) make of what a user gave, or of the evaluation sample of that number.

    `say` gets the name of each before it is asked. Raises InputError for what cannot be read, WorkbenchError when a model fails.
    """
    picture, found = None, []
    first: dict[str, NDArray[Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (cell, prepared) in enumerate(cells):
            say(f"{cell.backend}, {cell.precision} ({cell.model})")
            kept = Path(scratch) / f"{number}.npz"
            value = use(experiment, cell, prepared, PREDICT, what="predict", given=given, kept=str(kept))
            with np.load(kept, allow_pickle=False) as arrays:
                outputs = {name: arrays[name] for name in arrays.files if name.startswith(OUTPUT)}
                picture = arrays[PICTURE] if PICTURE in arrays.files else None
            first = first or outputs
            compared = None if number == 0 else _sqnr_db(first, outputs)
            found.append(Answer(cell, value["prediction"], value["text"], value["run_ms"], compared))
    return Answers(picture, found)


def _sqnr_db(first: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> float | None:
    """The noise of some outputs against others; None where they cannot be compared: boxes that come and go."""
    signal = noise = 0.0
    for name, value in first.items():
        if name not in other or value.shape != other[name].shape:
            return None
        difference = other[name].astype(np.float64) - value
        signal, noise = signal + float((value.astype(np.float64) ** 2).sum()), noise + float((difference**2).sum())
    return sqnr_db(signal, noise)
