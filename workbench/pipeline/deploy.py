"""Stage 2: prepare each model for each backend, open it, and prove that FP32 is still what Paddle computes."""

from functools import partial
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, UnsupportedError
from workbench.machine import this_machine
from workbench.models.model import Model
from workbench.pipeline.jobs import Job
from workbench.pipeline.plan import FLOAT_MODEL, Cell
from workbench.pipeline.stages import Experiment, Stage, deployment_identity, session_arguments, versions
from workbench.records import Device, Precision, Status

NO_PARITY = "FP32 outputs differ from Paddle's"


def deploy(experiment: Experiment) -> dict[str, Any]:
    """Prepare every cell's model for its backend, open it, compare FP32 with Paddle and describe what runs.

    Returns and keeps `backends` (availability by backend and device) and `cells` by key, each with status, reason,
    digests of the model and of what was prepared, `build_s`, `describe` and `parity`. Raises InputError when the task has no
    evaluation samples, which one without labels may lack.
    """
    found = experiment.load(Stage.QUANTIZE)
    if not found["task"]["evaluation"]:
        raise InputError(
            f"task {experiment.recipe.task.label}: no samples to compare outputs on; give it evaluation data"
        )
    quantized = found["models"]
    with experiment.stage(Stage.DEPLOY):
        cells = experiment.cells()
        backends = availability(experiment, {(cell.backend, cell.device) for cell in cells})
        in_float = {cell.model for cell in cells if cell.precision is Precision.FP32}
        references = _references(experiment, {key: m["digest"] for key, m in quantized.items() if key in in_float})
        deployed = _deploy(experiment, cells, quantized, backends, references)
        _hold_back_without_parity(cells, deployed)
        state = {"backends": backends, "cells": deployed}
        experiment.save(Stage.DEPLOY, state)
        return state


def availability(experiment: Experiment, wanted: set[tuple[str, Device]]) -> dict[str, dict[str, str]]:
    """Ask each backend for each device, in a worker; an answer counts for this run of the stage only."""
    asked = sorted(wanted)
    jobs = [
        Job(f"probe-{backend}-{device}", "workbench.backends.probe:probe_job", {"backend": backend, "device": device},
            identity=[backend, device], again=True)
        for backend, device in asked
    ]  # fmt: skip
    found = {}
    for (backend, device), record in zip(asked, experiment.jobs(Stage.DEPLOY, jobs), strict=True):
        failed = {"reason": f"asking it failed: {record['reason']}", "install": "", "version": ""}
        found[f"{backend}/{device}"] = record["value"] if record["status"] == Status.OK else failed
    return found


def _references(experiment: Experiment, digests: dict[str, str]) -> dict[str, Path]:
    """Folders with Paddle's own outputs of float models, by key; without those that could not be had."""
    folders = {
        key: experiment.run.path / "outputs" / f"reference-{digest}" for key, digest in digests.items() if digest
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        Job("reference" if key == FLOAT_MODEL else f"reference-{key}", "workbench.measure.accuracy:reference_job",
            {"model": str(experiment.run.models / digests[key]), "task": experiment.task, "outputs": str(folder)},
            identity=[digests[key], experiment.task_digest, versions("paddlepaddle")],
            again=experiment.fresh or not any(folder.iterdir()))
        for key, folder in folders.items()
    ]  # fmt: skip
    records = experiment.jobs(Stage.DEPLOY, jobs)
    return {key: folders[key] for key, record in zip(folders, records, strict=True) if record["status"] == Status.OK}


def _deploy(
    experiment: Experiment, cells: list[Cell], models: dict[str, Any], backends: dict[str, Any], references: dict[str, Path]
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """What became of each cell, by key: all models are prepared, and then opened."""
    deployed: dict[str, dict[str, Any]] = {}
    for cell in cells:
        model = models[cell.model]
        state = {"cell": cell.as_dict(), "model_digest": model["digest"], "prepared": "", "build_s": None}
        stop = _cannot_deploy(cell, model, backends[f"{cell.backend}/{cell.device}"])
        deployed[cell.key] = state | ({"status": stop[0], "reason": stop[1]} if stop else {})
    for step in (_prepare_all, partial(_check_all, references=references)):
        step(experiment, [cell for cell in cells if "status" not in deployed[cell.key]], deployed)
    return deployed


def _cannot_deploy(cell: Cell, model: dict[str, Any], available: dict[str, str]) -> tuple[Status, str] | None:
    backend = BACKENDS[cell.backend]
    if reason := backend.supports(cell.precision, cell.device):
        return Status.UNSUPPORTED, reason
    if available["reason"]:
        return Status.UNAVAILABLE, "; ".join(part for part in (available["reason"], available["install"]) if part)
    if reason := backend.lacks(cell.precision, cell.device, this_machine()):
        return Status.UNAVAILABLE, reason
    if cell.pinned and cell.device is not Device.GPU:
        return Status.UNSUPPORTED, "pinned memory is for copies to a GPU"
    if cell.pinned and not backend.pins_memory:
        return Status.UNSUPPORTED, f"{backend.title} takes no pinned memory from Python"
    if model["status"] != Status.OK:
        return Status(model["status"]), f"no model: {model['reason']}"
    return None


def prepare(experiment: Experiment, cell: Cell, model: Model) -> dict[str, Any]:
    """The record of the job that turns a model into what the cell's backend opens; raises UnsupportedError."""
    job = _preparation(experiment, cell, model)
    if job is None:
        return {"status": Status.OK, "reason": "", "value": {"digest": model.digest}}
    return _verified(experiment, experiment.jobs(Stage.DEPLOY, [job])[0])


def _preparation(experiment: Experiment, cell: Cell, model: Model) -> Job | None:
    """The job that prepares a model; None where the backend opens it as it is. Raises UnsupportedError."""
    function = BACKENDS[cell.backend].prepare_function(model, cell.settings())
    if not function:
        return None
    arguments = {"model": str(model.folder), "models": str(experiment.run.models)}
    identity = [model.digest, versions("quant-workbench", "paddle2onnx", "onnxruntime")]
    name = f"prepare-{cell.backend}-{cell.device}-{cell.model}"
    # FP16 and FP32 for a GPU are two jobs of this name, and so of one log.
    return Job(name, function, arguments, identity, alone=cell.device is Device.GPU)


def _verified(experiment: Experiment, record: dict[str, Any]) -> dict[str, Any]:
    """The record, the files of the Model that it names being what they were."""
    if record["status"] == Status.OK:
        Model.open(experiment.run.models / record["value"]["digest"], verify=True)
    return record


def _prepare_all(experiment: Experiment, cells: list[Cell], deployed: dict[str, dict[str, Any]]) -> None:
    jobs: dict[str, Job] = {}
    for cell in cells:
        state = deployed[cell.key]
        model = Model.open(experiment.run.models / state["model_digest"])
        try:
            job = _preparation(experiment, cell, model)
        except UnsupportedError as error:
            state |= {"status": Status.UNSUPPORTED, "reason": str(error)}
            continue
        if job is None:
            state["prepared"] = model.digest
        else:
            jobs[cell.key] = job
    for key, record in zip(jobs, experiment.jobs(Stage.DEPLOY, list(jobs.values())), strict=True):
        if _verified(experiment, record)["status"] == Status.OK:
            deployed[key] |= {"prepared": record["value"]["digest"], "build_s": record["value"].get("seconds")}
        else:
            deployed[key] |= {"status": record["status"], "reason": f"preparing the model: {record['reason']}"}


def _check_all(
    experiment: Experiment, cells: list[Cell], deployed: dict[str, dict[str, Any]], references: dict[str, Path]
) -> None:
    jobs = [_check(experiment, cell, deployed[cell.key]["prepared"], references.get(cell.model)) for cell in cells]
    for cell, record in zip(cells, experiment.jobs(Stage.DEPLOY, jobs), strict=True):
        deployed[cell.key] |= _checked(record, lowering_s=deployed[cell.key]["build_s"])


def _check(experiment: Experiment, cell: Cell, prepared: str, reference: Path | None) -> Job:
    compared = str(reference) if reference is not None and cell.precision is Precision.FP32 else None
    return Job(
        f"check-{cell.key}",
        "workbench.measure.accuracy:check_job",
        session_arguments(experiment, cell, prepared, batch=cell.batch) | {"reference": compared},
        identity=[deployment_identity(experiment, cell, prepared), cell.batch, compared is not None],
        threads=cell.threads,
        # Engines are built for what is fastest on the GPU: nothing else may work on it meanwhile.
        alone=cell.device is Device.GPU,
    )


def _checked(record: dict[str, Any], *, lowering_s: float | None) -> dict[str, Any]:
    """What opening a model told of its cell."""
    if record["status"] != Status.OK:
        return {"status": record["status"], "reason": f"opening the model: {record['reason']}"}
    found: dict[str, Any] = dict(record["value"])
    if (plan_s := found["describe"].get("build_s")) is not None:
        found["build_s"] = (lowering_s or 0.0) + plan_s
    parity = found["parity"]
    if parity is not None and not parity["passed"]:
        reason = f"{NO_PARITY}: cosine {parity['cosine']:.6f}, largest difference {parity['max_abs']}"
        return found | {"status": Status.FAILED, "reason": reason}
    return found | {"status": Status.OK, "reason": ""}


def _hold_back_without_parity(cells: list[Cell], deployed: dict[str, Any]) -> None:
    """No INT8 figure of a backend counts when its FP32 does not match Paddle: a bad conversion would read as quantization."""
    failed = {cell.group for cell in cells if cell.is_baseline and deployed[cell.key]["reason"].startswith(NO_PARITY)}
    for cell in cells:
        record = deployed[cell.key]
        if cell.group in failed and not cell.is_baseline and record["status"] == Status.OK:
            record |= {
                "status": Status.FAILED,
                "reason": "the FP32 model of this backend does not match Paddle's outputs, so this row would not count",
            }
