"""Stage 1: import the FP32 model and make the quantized ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.errors import UnavailableError, WorkbenchError
from workbench.experiment import Quantization
from workbench.files import content_hash, file_digest
from workbench.machine import this_machine
from workbench.models.importers import files_beside, source_files
from workbench.models.model import Model
from workbench.pipeline.jobs import Job
from workbench.pipeline.plan import FLOAT_MODEL, model_key, variant_of
from workbench.pipeline.search import Base, keep_within_target
from workbench.pipeline.sources import at_hand, fetched
from workbench.pipeline.stages import Experiment, Stage, versions
from workbench.quant.base import MethodOptions
from workbench.quant.registry import METHODS
from workbench.records import Status


def quantize(experiment: Experiment) -> dict[str, Any]:
    """Import the FP32 model and make every quantized one that the recipe names.

    Returns and keeps the stage's state: `task` (sizes, metric) and `models` by key, each with status, reason and digest.
    Raises InputError when the model or the task's data cannot be used.
    """
    with experiment.stage(Stage.QUANTIZE):
        options = [_options(experiment, entry) for entry in experiment.recipe.quantize]
        source = _import(experiment)
        experiment.keep_imported(source)
        task = _check_task(experiment)
        trainable = _trainable(experiment, source)
        models = {FLOAT_MODEL: {"status": Status.OK, "reason": "", "digest": source.digest, "seconds": None}}
        jobs = [
            _quantization(experiment, trainable if parsed.trains else source, entry, parsed, task)
            for entry, parsed in zip(experiment.recipe.quantize, options, strict=True)
        ]
        records = _make(experiment, jobs)
        for entry, job, record in zip(experiment.recipe.quantize, jobs, records, strict=True):
            models[model_key(entry)] = _made(experiment, entry, job, record, task=task, source=source)
        state = {"task": task, "models": models}
        experiment.save(Stage.QUANTIZE, state)
        return state


def _check_task(experiment: Experiment) -> dict[str, Any]:
    """Look at the task's data anew each time: that it changed is not to be seen from the recipe."""
    function = "workbench.tasks.loader:check_task_job"
    task: dict[str, Any] = _required(experiment, "task", function, {"task": experiment.task}, identity=None, again=True)
    return task


def _required(
    experiment: Experiment,
    name: str,
    function: str,
    arguments: dict[str, Any],
    *,
    identity: Any,
    again: bool | None = None,
) -> Any:
    """A job without which the stage cannot go on."""
    record = experiment.job(Stage.QUANTIZE, name, function, arguments, identity=identity, again=again)
    if record["status"] != Status.OK:
        kind = UnavailableError if record["status"] == Status.UNAVAILABLE else WorkbenchError
        raise kind(
            f"{name}: {record['status']}: {record['reason']}; see {experiment.run.log(f'{Stage.QUANTIZE}-{name}')}"
        )
    return record["value"]


def _trainable(experiment: Experiment, source: Model) -> Model:
    """The model as methods that train take it; `source` itself where none is to train, or nothing was folded."""
    trains = any(METHODS[entry.method].Options.trains for entry in experiment.recipe.quantize)
    folded = "fold_batch_norm" in source.manifest.facts.get("clean_up", {}).get("applied", {})
    return _import(experiment, keep_batch_norms=True) if trains and folded else source


def _import(experiment: Experiment, *, keep_batch_norms: bool = False) -> Model:
    source = at_hand(experiment.recipe.model)
    identity = [
        source.model_dump(mode="json", exclude={"path", "params"}),
        [file_digest(file) for file in source_files(source)],
        {file.name: file_digest(file) for file in files_beside(source)},
        versions("quant-workbench", "paddlepaddle", "x2paddle"),
        keep_batch_norms,
        _strips_nms_if_there(experiment),
    ]
    arguments = {
        "source": source.model_dump(mode="json"),
        "models": str(experiment.run.models),
        "keep_batch_norms": keep_batch_norms,
        "strip_nms_if_there": _strips_nms_if_there(experiment),
    }
    function = "workbench.models.importers:import_job"
    name = "import-trainable" if keep_batch_norms else "import"
    digest = _required(experiment, name, function, arguments, identity=identity)["digest"]
    return Model.open(experiment.run.models / digest, verify=True)


def _strips_nms_if_there(experiment: Experiment) -> bool:
    """Whether a detector's suppression is to be cut off where the recipe does not say: boxes that come and go cannot be compared."""
    recipe = experiment.recipe
    return bool(recipe.quantize) or not all(BACKENDS[deployment.backend].runs_nms for deployment in recipe.deploy)


def _options(experiment: Experiment, entry: Quantization) -> MethodOptions:
    """An entry's options, what they leave to be found being found. Raises InputError when it cannot be."""
    parsed = METHODS[entry.method].parse(entry.options)
    return parsed.located(experiment.recipe.model, experiment.recipe_file.parent, fetch=fetched)


def _quantization(
    experiment: Experiment, source: Model, entry: Quantization, parsed: MethodOptions, task: dict[str, Any]
) -> Job:
    method = METHODS[entry.method]
    options = parsed.model_dump(mode="json")
    read = [file_digest(file) for file in parsed.files(experiment.recipe_file.parent)]
    made_from = [entry.method, source.digest, task["task_digest"], read]
    key = content_hash([made_from, parsed.kept_identity(), versions("paddlepaddle")])
    arguments = {
        "model": str(source.folder),
        "task": experiment.task,
        "method": entry.method,
        "options": options,
        "variant": variant_of(entry),
        "kept": str(experiment.run.path / "kept" / f"{key}.npz"),
        "models": str(experiment.run.models),
    }
    identity = [
        made_from,
        options,
        variant_of(entry),
        versions("quant-workbench", "paddlepaddle", "paddleslim"),
    ]
    return Job(model_key(entry), method.job, arguments, identity, threads=this_machine().cores)


def _make(experiment: Experiment, jobs: list[Job]) -> list[dict[str, Any]]:
    """Run the jobs, which use all cores, one at a time; those that only read what another one keeps follow, several at once."""
    first: dict[str, Job] = {}
    for job in jobs:
        first.setdefault(job.arguments["kept"], job)
    followers = [replace(job, threads=1) for job in jobs if job not in first.values()]
    ordered = [*first.values(), *followers]
    records = dict(zip((job.key for job in ordered), experiment.jobs(Stage.QUANTIZE, ordered), strict=True))
    return [records[job.key] for job in jobs]


def _made(
    experiment: Experiment, entry: Quantization, job: Job, record: dict[str, Any], *, task: dict[str, Any], source: Model
) -> dict[str, Any]:  # fmt: skip
    """What the state says of a model, within the accuracy asked for where one was."""
    value = record["value"] or {"digest": "", "seconds": None}
    kept = Path(job.arguments["kept"])
    if value["digest"]:
        model = Model.open(experiment.run.models / value["digest"], verify=True)
        if entry.accuracy is not None:
            value |= keep_within_target(Base(experiment, entry, task, source, model, kept))
    return {
        "status": record["status"],
        "reason": record["reason"],
        "kept": str(kept.relative_to(experiment.run.path)),
    } | value
