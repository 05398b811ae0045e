"""Stage 3: the metric of every deployed model, and what quantization took away from it."""

from pathlib import Path
from typing import Any

from workbench.experiment import Recipe
from workbench.files import content_hash, file_digest
from workbench.pipeline.plan import Cell
from workbench.pipeline.stages import Experiment, Stage, deployment_identity, ready_cells, session_arguments
from workbench.records import Status


def accuracy(experiment: Experiment) -> dict[str, Any]:
    """Evaluate every deployed cell on the task; returns and keeps metrics, SQNR and the drop with its interval, by cell."""
    deployed = experiment.load(Stage.DEPLOY)["cells"]
    has_metric = bool(experiment.load(Stage.QUANTIZE)["task"]["metric"])
    with experiment.stage(Stage.ACCURACY):
        evaluated: dict[str, Any] = {}
        baselines: dict[tuple[Any, ...], dict[str, Any]] = {}
        for cell in ready_cells(experiment, deployed) if evaluates(experiment.recipe, has_metric=has_metric) else ():
            baseline = baselines.get(cell.group)
            found = _evaluate(experiment, cell, deployed[cell.key], baseline)
            if baseline and baseline["status"] == found["status"] == Status.OK and has_metric:
                found["drop"] = _drop(experiment, cell, baseline["predictions"], found["predictions"])
            if cell.is_baseline:
                baselines[cell.group] = found
            evaluated[cell.key] = found
        state = {"cells": evaluated}
        experiment.save(Stage.ACCURACY, state)
        return state


def evaluates(recipe: Recipe, *, has_metric: bool) -> bool:
    """Whether there is anything to learn from running the evaluation samples: a metric, or the noise of the outputs."""
    return has_metric or recipe.measure.sqnr_images > 0


def _evaluate(
    experiment: Experiment, cell: Cell, deployed: dict[str, Any], baseline: dict[str, Any] | None
) -> dict[str, Any]:
    identity = [deployment_identity(experiment, cell, deployed["prepared"]), _accuracy_settings(experiment)]
    name = f"evaluate-{cell.key}"
    compare = baseline is not None and baseline["status"] == Status.OK
    predictions = experiment.run.path / "outputs" / f"predictions-{content_hash(identity)}.json"
    outputs = (
        Path(baseline["outputs"])
        if compare and baseline
        else experiment.run.path / "outputs" / f"fp32-{content_hash(identity)}"
    )
    outputs.mkdir(parents=True, exist_ok=True)
    measure = experiment.recipe.measure
    arguments = session_arguments(experiment, cell, deployed["prepared"], batch=1) | {
        "limit": measure.evaluation_limit,
        "predictions": str(predictions),
        "outputs": str(outputs),
        "compare": compare,
        "sqnr_images": measure.sqnr_images if compare or cell.is_baseline else 0,
        "sqnr_outputs": measure.sqnr_outputs,
    }
    function = "workbench.measure.accuracy:evaluate_job"
    again = experiment.measures_again(cell) or not predictions.is_file()
    record = experiment.job(
        Stage.ACCURACY, name, function, arguments, identity=[identity, compare], threads=cell.threads, again=again
    )
    return {
        "status": record["status"],
        "reason": record["reason"],
        "outputs": str(outputs),
        "predictions": str(predictions),
        **(record["value"] or {}),
    }


def _drop(experiment: Experiment, cell: Cell, baseline: str, other: str) -> dict[str, Any] | None:
    arguments = {
        "task": experiment.task,
        "baseline": baseline,
        "other": other,
        "resamples": experiment.recipe.measure.bootstrap,
    }
    identity = [
        experiment.task_digest,
        file_digest(Path(baseline)),
        file_digest(Path(other)),
        experiment.recipe.measure.bootstrap,
    ]
    record = experiment.job(
        Stage.ACCURACY, f"drop-{cell.key}", "workbench.measure.accuracy:drop_job", arguments, identity=identity
    )
    return record["value"] if record["status"] == Status.OK else None


def _accuracy_settings(experiment: Experiment) -> dict[str, Any]:
    return experiment.recipe.measure.model_dump(
        mode="json", include={"evaluation_limit", "sqnr_images", "sqnr_outputs"}
    )
