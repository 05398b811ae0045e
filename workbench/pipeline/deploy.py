"""Stage 2: prepare each model for each backend, open it, and prove that FP32 is still what Paddle computes."""

from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, UnsupportedError
from workbench.machine import this_machine
from workbench.models.model import Model
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
        references = {
            key: _reference(experiment, key, quantized[key]["digest"]) for key in quantized if key in in_float
        }
        deployed = {
            cell.key: _deploy(experiment, cell, quantized[cell.model], backends, references.get(cell.model))
            for cell in cells
        }
        _hold_back_without_parity(cells, deployed)
        state = {"backends": backends, "cells": deployed}
        experiment.save(Stage.DEPLOY, state)
        return state


def availability(experiment: Experiment, wanted: set[tuple[str, Device]]) -> dict[str, dict[str, str]]:
    """Ask each backend for each device, in a worker; an answer counts for this run of the stage only."""
    found = {}
    for backend, device in sorted(wanted):
        record = experiment.job(
            Stage.DEPLOY, f"probe-{backend}-{device}", "workbench.backends.probe:probe_job", {"backend": backend, "device": device},
            identity=[backend, device], again=True,
        )  # fmt: skip
        failed = {"reason": f"asking it failed: {record['reason']}", "install": "", "version": ""}
        found[f"{backend}/{device}"] = record["value"] if record["status"] == Status.OK else failed
    return found


def _reference(experiment: Experiment, key: str, digest: str) -> Path | None:
    """Folder with Paddle's own outputs of a float model, or None when even those could not be had."""
    if not digest:
        return None
    folder = experiment.run.path / "outputs" / f"reference-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {"model": str(experiment.run.models / digest), "task": experiment.task, "outputs": str(folder)}
    record = experiment.job(
        Stage.DEPLOY, "reference" if key == FLOAT_MODEL else f"reference-{key}", "workbench.measure.accuracy:reference_job", arguments,
        identity=[digest, experiment.task_digest, versions("paddlepaddle")],
        again=experiment.fresh or not any(folder.iterdir()),
    )  # fmt: skip
    return folder if record["status"] == Status.OK else None


def _deploy(
    experiment: Experiment, cell: Cell, model: dict[str, Any], backends: dict[str, Any], reference: Path | None
) -> dict[str, Any]:
    start: dict[str, Any] = {"cell": cell.as_dict(), "model_digest": model["digest"], "prepared": "", "build_s": None}
    if stop := _cannot_deploy(cell, model, backends[f"{cell.backend}/{cell.device}"]):
        return start | {"status": stop[0], "reason": stop[1]}
    try:
        record = prepare(experiment, cell, Model.open(experiment.run.models / model["digest"]))
    except UnsupportedError as error:
        return start | {"status": Status.UNSUPPORTED, "reason": str(error)}
    if record["status"] != Status.OK:
        return start | {"status": record["status"], "reason": f"preparing the model: {record['reason']}"}
    lowering_s = record["value"].get("seconds")
    start |= {"prepared": record["value"]["digest"], "build_s": lowering_s}
    checked = _check(experiment, cell, start["prepared"], reference)
    if checked["status"] != Status.OK:
        return start | {"status": checked["status"], "reason": f"opening the model: {checked['reason']}"}
    start |= checked["value"]
    if (plan_s := start["describe"].get("build_s")) is not None:
        start["build_s"] = (lowering_s or 0.0) + plan_s
    parity = start["parity"]
    if parity is not None and not parity["passed"]:
        reason = f"{NO_PARITY}: cosine {parity['cosine']:.6f}, largest difference {parity['max_abs']}"
        return start | {"status": Status.FAILED, "reason": reason}
    return start | {"status": Status.OK, "reason": ""}


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
    backend = BACKENDS[cell.backend]
    function = backend.prepare_function(model, cell.settings())
    if not function:
        return {"status": Status.OK, "reason": "", "value": {"digest": model.digest}}
    name = f"prepare-{cell.backend}-{cell.device}-{cell.model}"
    arguments = {"model": str(model.folder), "models": str(experiment.run.models)}
    identity = [model.digest, versions("quant-workbench", "paddle2onnx", "onnxruntime")]
    record = experiment.job(Stage.DEPLOY, name, function, arguments, identity=identity)
    if record["status"] == Status.OK:
        Model.open(experiment.run.models / record["value"]["digest"], verify=True)
    return record


def _check(experiment: Experiment, cell: Cell, prepared: str, reference: Path | None) -> dict[str, Any]:
    compared = str(reference) if reference is not None and cell.precision is Precision.FP32 else None
    arguments = session_arguments(experiment, cell, prepared, batch=cell.batch) | {"reference": compared}
    identity = [deployment_identity(experiment, cell, prepared), cell.batch, compared is not None]
    return experiment.job(
        Stage.DEPLOY,
        f"check-{cell.key}",
        "workbench.measure.accuracy:check_job",
        arguments,
        identity=identity,
        threads=cell.threads,
    )


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
