"""Stage 3: the metric of every deployed model, and what quantization took away from it."""

from pathlib import Path
from typing import Any

from workbench.experiment import Recipe
from workbench.files import content_hash, file_digest
from workbench.pipeline.jobs import Job
from workbench.pipeline.plan import Cell
from workbench.pipeline.stages import Experiment, Stage, deployment_identity, ready_cells, session_arguments
from workbench.records import Device, Status


def accuracy(experiment: Experiment) -> dict[str, Any]:
    """Evaluate every deployed cell on the task; returns and keeps metrics, SQNR and the drop with its interval, by cell."""
    deployed = experiment.load(Stage.DEPLOY)["cells"]
    has_metric = bool(experiment.load(Stage.QUANTIZE)["task"]["metric"])
    with experiment.stage(Stage.ACCURACY):
        wanted = evaluates(experiment.recipe, has_metric=has_metric)
        cells = ready_cells(experiment, deployed) if wanted else []
        baselines = [cell for cell in cells if cell.is_baseline]
        evaluated = _evaluate(experiment, baselines, deployed, {})
        by_group = {cell.group: evaluated[cell.key] for cell in baselines}
        evaluated |= _evaluate(experiment, [cell for cell in cells if not cell.is_baseline], deployed, by_group)
        if has_metric:
            _compare(experiment, cells, evaluated, by_group)
        state = {"cells": evaluated}
        experiment.save(Stage.ACCURACY, state)
        return state


def evaluates(recipe: Recipe, *, has_metric: bool) -> bool:
    """Whether there is anything to learn from running the evaluation samples: a metric, or the noise of the outputs."""
    return has_metric or recipe.measure.sqnr_images > 0


def _evaluate(
    experiment: Experiment, cells: list[Cell], deployed: dict[str, Any], baselines: dict[tuple[Any, ...], dict[str, Any]]
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """What each cell gives, by key; its outputs are compared with those of its group's baseline where there are any."""
    jobs = [_evaluation(experiment, cell, deployed[cell.key], baselines.get(cell.group)) for cell in cells]
    records = experiment.jobs(Stage.ACCURACY, jobs)
    return {
        cell.key: {
            "status": record["status"],
            "reason": record["reason"],
            "outputs": job.arguments["outputs"],
            "predictions": job.arguments["predictions"],
            **(record["value"] or {}),
        }
        for cell, job, record in zip(cells, jobs, records, strict=True)
    }


def _evaluation(experiment: Experiment, cell: Cell, deployed: dict[str, Any], baseline: dict[str, Any] | None) -> Job:
    identity = [deployment_identity(experiment, cell, deployed["prepared"]), _accuracy_settings(experiment)]
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
    return Job(
        f"evaluate-{cell.key}",
        "workbench.measure.accuracy:evaluate_job",
        arguments,
        identity=[identity, compare],
        threads=cell.threads,
        again=experiment.measures_again(cell) or not predictions.is_file(),
        alone=cell.device is Device.GPU,
    )


def _compare(
    experiment: Experiment, cells: list[Cell], evaluated: dict[str, Any], baselines: dict[tuple[Any, ...], dict[str, Any]]
) -> None:  # fmt: skip
    """Add the drop against its baseline to what each cell gave that has one."""
    pairs = [
        (cell, baseline, found)
        for cell in cells
        if not cell.is_baseline and (baseline := baselines.get(cell.group))
        if baseline["status"] == (found := evaluated[cell.key])["status"] == Status.OK
    ]
    jobs = [_drop(experiment, cell, baseline["predictions"], found["predictions"]) for cell, baseline, found in pairs]
    for (_, _, found), record in zip(pairs, experiment.jobs(Stage.ACCURACY, jobs), strict=True):
        found["drop"] = record["value"] if record["status"] == Status.OK else None


def _drop(experiment: Experiment, cell: Cell, baseline: str, other: str) -> Job:
    resamples = experiment.recipe.measure.bootstrap
    arguments = {"task": experiment.task, "baseline": baseline, "other": other, "resamples": resamples}
    identity = [experiment.task_digest, file_digest(Path(baseline)), file_digest(Path(other)), resamples]
    return Job(f"drop-{cell.key}", "workbench.measure.accuracy:drop_job", arguments, identity)


def _accuracy_settings(experiment: Experiment) -> dict[str, Any]:
    return experiment.recipe.measure.model_dump(
        mode="json", include={"evaluation_limit", "sqnr_images", "sqnr_outputs"}
    )
