"""From what the stages left to result rows and their secondary figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.experiment import Recipe
from workbench.machine import this_machine
from workbench.models.model import Model
from workbench.pipeline.accuracy import evaluates
from workbench.pipeline.plan import FLOAT_MODEL, Cell, cells
from workbench.pipeline.stages import Experiment, Stage
from workbench.records import Metric, Record, Scope, Status
from workbench.report.expectations import Required
from workbench.report.why_slow import int8_figures

MS_PER_S = 1e3


@dataclass(frozen=True)
class Finished:
    """The states of the stages before the report."""

    task: dict[str, Any]
    models: dict[str, Any]
    deployed: dict[str, Any]
    evaluated: dict[str, Any]
    measured: dict[str, Any]

    @classmethod
    def load(cls, experiment: Experiment) -> "Finished":
        """Raises InputError that names the first stage which has not run."""
        first = experiment.load(Stage.QUANTIZE)
        return cls(
            task=first["task"],
            models=first["models"],
            deployed=experiment.load(Stage.DEPLOY)["cells"],
            evaluated=experiment.load(Stage.ACCURACY)["cells"],
            measured=experiment.load(Stage.LATENCY)["cells"],
        )


def assemble(experiment: Experiment) -> tuple[list[Record], list[Metric]]:
    """Every cell of the recipe as rows, one a scope; a cell that was not measured is a row with its reason."""
    finished = Finished.load(experiment)
    records: list[Record] = []
    metrics: list[Metric] = []
    for cell in experiment.cells():
        for scope in experiment.recipe.measure.scopes:
            record = _record(experiment, cell, scope, finished)
            records.append(record)
            metrics += _secondary(record, cell, scope, finished, _lowering_facts(experiment, cell, finished))
    return records, metrics


def unmeasured(recipe: Recipe, status: Status, reason: str) -> list[Record]:
    """Every cell of a recipe of which nothing could be run, as rows that all say why."""
    return [
        Record(
            model=recipe.model.label,
            task=recipe.task.label,
            method=cell.method,
            variant=cell.variant,
            backend=cell.backend,
            device=cell.device,
            precision=cell.precision,
            pinned=cell.pinned,
            threads=cell.threads,
            batch=cell.batch,
            scope=scope,
            status=status,
            reason=reason,
            weights=recipe.model.weights,
            machine_id=this_machine().machine_id,
        )
        for cell in cells(recipe)
        for scope in recipe.measure.scopes
    ]


def _record(experiment: Experiment, cell: Cell, scope: Scope, finished: Finished) -> Record:
    status, reason = _status(
        cell, scope, finished, evaluated=evaluates(experiment.recipe, has_metric=bool(finished.task["metric"]))
    )
    record = {
        "model": experiment.recipe.model.label,
        "task": experiment.recipe.task.label,
        "method": cell.method,
        "variant": cell.variant,
        "backend": cell.backend,
        "device": cell.device,
        "precision": cell.precision,
        "pinned": cell.pinned,
        "threads": cell.threads,
        "batch": cell.batch,
        "scope": scope,
        "status": status,
        "reason": reason,
        "metric_name": finished.task["metric"],
        "weights": experiment.recipe.model.weights,
        "machine_id": this_machine().machine_id,
    }
    parts = (
        _model_figures(experiment, cell, finished, noted=status is Status.OK),
        _accuracy_figures(cell, finished),
        _latency_figures(cell, scope, finished),
    )
    for part in parts:
        record |= part
    return Record.model_validate(record)


def _status(cell: Cell, scope: Scope, finished: Finished, *, evaluated: bool) -> tuple[Status, str]:
    """The first stage that did not end well decides; nothing is asked of the accuracy stage where it had nothing to do."""
    accuracy = [("accuracy: ", finished.evaluated)] if evaluated else []
    for stage, found in (("", finished.deployed), *accuracy, ("latency: ", finished.measured)):
        record = found.get(cell.key)
        if record is None:
            return Status.FAILED, f"{stage}no result"
        if record["status"] != Status.OK:
            return Status(record["status"]), stage + record["reason"]
    if str(scope) not in finished.measured[cell.key]["scopes"]:
        return Status.FAILED, "latency: this scope was not measured"
    return Status.OK, ""


def _model_figures(experiment: Experiment, cell: Cell, finished: Finished, *, noted: bool) -> dict[str, Any]:
    """What is known of the model; `noted` lets its note, if it has one, stand where a row says why it is not ok."""
    digest = finished.models[cell.model]["digest"]
    if not digest:
        return {}
    model = Model.open(experiment.run.models / digest)
    facts = model.manifest.facts
    deployed = finished.deployed[cell.key]
    seconds = finished.models[cell.model].get("seconds")
    note = {"reason": facts["note"]} if noted and "note" in facts else {}
    return note | {
        "model_digest": digest,
        "model_size_mb": model.size_mb,
        "gflops": facts.get("gflops"),
        "params_m": facts.get("params_m"),
        "quantize_s": seconds if cell.model != FLOAT_MODEL else None,
        "build_s": deployed.get("build_s"),
        "peak_rss_mb": deployed.get("peak_rss_mb"),
        "gpu_memory_mb": deployed.get("gpu_memory_mb"),
        "nms": "outside" if "nms" in model.manifest.left_to_task else finished.task["nms"],
        "int8_share": (deployed.get("describe") or {}).get("int8_share"),
        "input_shape": " ".join(_shape(spec.shape, cell.batch) for spec in model.manifest.inputs),
    }


def _shape(shape: Sequence[int], batch: int) -> str:
    """An input's shape at a batch size; `?` for another axis that may have any length."""
    lengths = [str(axis) if axis >= 0 else "?" for axis in shape]
    if shape and shape[0] < 0:
        lengths[0] = str(batch)
    return "x".join(lengths)


def _accuracy_figures(cell: Cell, finished: Finished) -> dict[str, Any]:
    found = finished.evaluated.get(cell.key)
    if found is None or found["status"] != Status.OK:
        return {}
    name = finished.task["metric"]
    if not name:  # a task without labels: only the noise of the outputs tells models apart
        return {} if cell.is_baseline else {"sqnr_db": found["sqnr_db"]}
    figures: dict[str, Any] = {"metric_value": found["metrics"][name]}
    if cell.is_baseline:
        return figures | {"metric_fp32": found["metrics"][name], "metric_drop": 0.0}
    figures["sqnr_db"] = found["sqnr_db"]
    if drop := found.get("drop"):
        sign = 1.0 if finished.task["higher_is_better"] else -1.0
        figures |= {"metric_drop": drop["drop"], "drop_low": drop["low"], "drop_high": drop["high"]}
        figures["metric_fp32"] = found["metrics"][name] + sign * drop["drop"]
    return figures


def _latency_figures(cell: Cell, scope: Scope, finished: Finished) -> dict[str, Any]:
    measured = finished.measured.get(cell.key)
    if measured is None or str(scope) not in measured["scopes"]:
        return {}
    found = measured["scopes"][str(scope)]
    summary = found["summary"]
    figures = {
        "latency_mean_ms": summary["mean"],
        "latency_p50_ms": summary["p50"],
        "latency_p90_ms": summary["p90"],
        "latency_p99_ms": summary["p99"],
        "latency_std_ms": summary["std"],
        "repeats": summary["repeats"],
        "first_call_ms": measured["first_call_ms"],
        "throughput_per_s": cell.batch * MS_PER_S / summary["mean"],
    }
    if cell.is_baseline:
        return figures | {"speedup_vs_fp32": 1.0}
    if speedup := found["speedup"]:
        figures |= {"speedup_vs_fp32": speedup["value"], "speedup_low": speedup["low"], "speedup_high": speedup["high"]}
    return figures


def _lowering_facts(experiment: Experiment, cell: Cell, finished: Finished) -> dict[str, Any]:
    """What the Model that was prepared for a quantized cell says of its operators."""
    prepared = finished.deployed[cell.key].get("prepared")
    if not prepared or not cell.precision.is_quantized:
        return {}
    return Model.open(experiment.run.models / prepared).manifest.facts


def _secondary(record: Record, cell: Cell, scope: Scope, finished: Finished, lowered: dict[str, Any]) -> list[Metric]:
    """Other metrics of the task, the parts of a call's time, the A/A control, parity, and how quiet the machine was.

    For a quantized cell also the share of a run's time in INT8, and the operators that are left in float.
    """
    figures: list[tuple[str, float, str]] = []
    evaluated, measured = finished.evaluated.get(cell.key), finished.measured.get(cell.key)
    if evaluated and evaluated["status"] == Status.OK:
        figures += [
            (name, value, "points") for name, value in evaluated["metrics"].items() if name != record.metric_name
        ]
        figures.append(("evaluation_samples", evaluated["samples"], ""))
    if measured and str(scope) in measured["scopes"]:
        found = measured["scopes"][str(scope)]
        figures += [(f"{name}_ms", value, "ms") for name, value in found["parts_ms"].items()]
        if control := found["control"]:
            figures += [
                ("aa_control", control["value"], "ratio"),
                ("aa_control_low", control["low"], "ratio"),
                ("aa_control_high", control["high"], "ratio"),
            ]
        figures += [
            (name, measured["disturbance"][name], unit) for name, unit in (("steal", "share"), ("other_load", "cores"))
        ]
    if parity := finished.deployed[cell.key].get("parity"):
        figures += [(f"parity_{name}", parity[name], "") for name in ("max_abs", "cosine") if parity[name] is not None]
    if cell.precision.is_quantized:
        figures += int8_figures(finished.deployed[cell.key].get("describe") or {}, lowered)
    shared = record.model_dump(include=set(Metric.model_fields) - {"name", "value", "unit"})
    return [Metric(**shared, name=name, value=value, unit=unit) for name, value, unit in figures]


def required_keys(recipe: Recipe) -> set[Required]:
    """(backend, device, precision) of the deployments that the recipe marks `required`."""
    return {(d.backend, d.device, p) for d in recipe.deploy if d.required for p in d.precision}
