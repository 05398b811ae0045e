"""Which tensors cost the accuracy of a quantized model, ranked: for the search, the command line and a notebook."""

import os
from typing import Any

from workbench.errors import InputError, WorkbenchError
from workbench.files import write_json
from workbench.measure.sensitivity import float_order
from workbench.models.model import Model
from workbench.models.scales import Scheme
from workbench.pipeline.plan import model_key
from workbench.pipeline.stages import Experiment, Stage, versions
from workbench.pipeline.verdict import write_verdict
from workbench.quant.registry import METHODS
from workbench.records import Status

# The others round activations around zero.
ASYMMETRIC = frozenset({"onnxruntime", "openvino"})
SAMPLES = 6
MOST_PARALLEL = 8


def scheme_of(backend: str) -> Scheme:
    """How a backend rounds activations."""
    return Scheme.ASYMMETRIC if backend in ASYMMETRIC else Scheme.SYMMETRIC


def sensitivity(
    experiment: Experiment, model: str = "", *, scheme: Scheme = Scheme.SYMMETRIC, samples: int = SAMPLES
) -> dict[str, Any]:
    """Rank the tensors of one of the recipe's integer models, by default the first that stage `quantize` made.

    Returns the figures of `measure.sensitivity` with `order` (the tensors whose readers are best left in float, with why)
    and `model`, and keeps them in the run folder as `sensitivity/<model>-<scheme>.json`. Raises InputError when there is
    no such model.
    """
    state = experiment.load(Stage.QUANTIZE)
    integer = {model_key(entry) for entry in experiment.recipe.quantize if METHODS[entry.method].integer}
    quantized = {key: m for key, m in state["models"].items() if key in integer and m["status"] == Status.OK}
    ours = {key for key, m in quantized.items() if _open(experiment, m).manifest.float_twin}
    chosen = model or next((key for key in quantized if key in ours), "")
    if chosen in quantized and chosen not in ours:
        raise InputError(
            f"sensitivity: model {chosen!r} was quantized by others; rank the tensors of one that this recipe quantizes"
        )
    if chosen not in quantized:
        known = ", ".join(quantized) or "none"
        raise InputError(f"sensitivity: no quantized model {chosen!r} in this run; models are: {known}")
    with experiment.stage(Stage.QUANTIZE):
        opened = _open(experiment, quantized[chosen])
        found = rank_tensors(experiment, opened, state["task"], scheme=scheme, samples=samples) | {"model": chosen}
        write_json(experiment.run.path / "sensitivity" / f"{chosen}-{scheme}.json", found)
        return found


def _open(experiment: Experiment, made: dict[str, Any]) -> Model:
    return Model.open(experiment.run.models / made["digest"])


def rank_tensors(
    experiment: Experiment, model: Model, task: dict[str, Any], *, scheme: Scheme, samples: int
) -> dict[str, Any]:
    """The figures of the sensitivity job for a quantized Model, with `order`; raises WorkbenchError when it fails."""
    threads = min(len(os.sched_getaffinity(0)), MOST_PARALLEL)
    outputs = experiment.recipe.measure.sqnr_outputs
    arguments = {"model": str(model.folder), "task": experiment.task, "scheme": str(scheme), "samples": samples,
                 "outputs": outputs, "threads": threads}  # fmt: skip
    name = f"sensitivity-{model.manifest.method}-{model.manifest.variant}-{scheme}"
    record = experiment.job(
        Stage.QUANTIZE, name, "workbench.measure.sensitivity:sensitivity_job", arguments,
        identity=[model.digest, task["task_digest"], str(scheme), samples, outputs, versions("quant-workbench", "onnxruntime")],
    )  # fmt: skip
    if record["status"] != Status.OK:
        raise WorkbenchError(
            f"sensitivity: {record['status']}: {record['reason']}; see {experiment.run.log(f'{Stage.QUANTIZE}-{name}')}"
        )
    value: dict[str, Any] = record["value"]
    return value | {"order": float_order(value["rows"])}


def conclude_sensitivity(experiment: Experiment, found: dict[str, Any]) -> dict[str, Any]:
    """Write the notebook's verdict to `<run folder>/notebooks/sensitivity.result.json`; raises VerdictFailed when it is bad.

    It is bad when tensors could not be compared, since their noise would be missing from the ranking.
    """
    reasons = [f"no range for {name}: it was not compared" for name in found["without_range"]]
    worst = {"model": found["model"], "worst": found["rows"][0]["tensor"], "sqnr_db": found["rows"][0]["sqnr_db"]}
    path = experiment.run.path / "notebooks" / "sensitivity.result.json"
    return write_verdict(path, reasons=reasons, details={"recipe": experiment.recipe.name} | worst)
