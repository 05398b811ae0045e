"""The accuracy-aware search of stage `quantize`: one quantized Model that is within its target on every backend asked for."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, UnsupportedError, WorkbenchError
from workbench.experiment import AccuracyTarget, Quantization
from workbench.files import content_hash, write_json
from workbench.launch import Outcome
from workbench.machine import package_version, this_machine
from workbench.models.model import Model
from workbench.pipeline.deploy import availability, prepare
from workbench.pipeline.plan import Cell, model_key, variant_of
from workbench.pipeline.price import price_of_float
from workbench.pipeline.sensitivity import rank_tensors, scheme_of
from workbench.pipeline.stages import Experiment, Stage, session_arguments
from workbench.quant.ranges import Algorithm
from workbench.quant.registry import METHODS
from workbench.records import Status
from workbench.run_folder import remove
from workbench.search import Candidate, Found, Judgement, Target, search

logger = logging.getLogger(__name__)
REQUANTIZE = "workbench.quant.static:requantize_job"
MOST_IN_FLOAT = 0.5  # of the tensors; a model with more in float is no longer a quantized one


@dataclass
class Base:
    """What a search starts from: the float Model, the recipe's own quantized one, and what calibration left."""

    experiment: Experiment
    entry: Quantization
    task: dict[str, Any]
    source: Model
    model: Model
    statistics: Path
    made: set[str] = field(default_factory=set)

    @property
    def wanted(self) -> AccuracyTarget:
        """The recipe's `accuracy`."""
        assert self.entry.accuracy is not None
        return self.entry.accuracy

    @cached_property
    def metric(self) -> str:
        """The metric whose drop counts."""
        return self.wanted.metric or str(self.task["metric"])

    def requantize(self, algorithm: str, kept_in_float: dict[str, dict[str, str]]) -> dict[str, Any]:
        """The record of the job that makes a Model with other ranges or tensors in float, without the data."""
        options = METHODS[self.entry.method].parse(self.entry.options | {"algo": algorithm}).model_dump(mode="json")
        arguments = {
            "model": str(self.source.folder),
            "statistics": str(self.statistics),
            "method": self.entry.method,
            "options": options,
            "variant": variant_of(self.entry),
            "kept_in_float": kept_in_float,
            "models": str(self.experiment.run.models),
        }
        identity = [self.source.digest, self.statistics.stem, options, variant_of(self.entry), kept_in_float,
                    package_version("quant-workbench")]  # fmt: skip
        name = f"search-quantize-{model_key(self.entry)}"
        record = self.experiment.job(Stage.QUANTIZE, name, REQUANTIZE, arguments, identity=identity)
        if record["status"] == Status.OK:
            self.made.add(record["value"]["digest"])
        return record


def keep_within_target(base: Base) -> dict[str, Any]:
    """Search on every backend, and make the one Model that embodies what was found.

    Returns digest, seconds and the file with all trials (`search`), relative to the run folder. A target that cannot be met
    is no error: the best found is kept, and the file says so. Raises InputError when the task has no samples to search on.
    """
    _check(base)
    experiment, start = base.experiment, time.monotonic()
    places = list(_places(experiment, base.entry))
    available = availability(experiment, {(place.backend, place.device) for place, _ in places})
    reasons = {place.backend: _why_not(place, available) for place, _ in places}
    ready = [(cell, baseline) for cell, baseline in places if not reasons[cell.backend]]
    identity = [base.model.digest, base.task["task_digest"], base.wanted.model_dump(mode="json"), _outputs(base),
                [[c.backend, c.device, c.threads, c.options, BACKENDS[c.backend].version()] for c, _ in ready],
                package_version("quant-workbench"), this_machine().machine_id]  # fmt: skip
    key = content_hash(["search", identity])
    record = None if experiment.fresh else experiment.run.finished(Stage.QUANTIZE, key)
    if record is None:
        found, algorithm = _search_all(base, ready)
        value = {"algorithm": algorithm, "metric": base.metric, "target": base.wanted.model_dump(mode="json"),
                 "backends": found, "not_searched": {name: why for name, why in reasons.items() if why},
                 "seconds": round(time.monotonic() - start, 1)}  # fmt: skip
        record = experiment.keep(Stage.QUANTIZE, key, f"search-{model_key(base.entry)}", Outcome(Status.OK, value))
    value = record["value"]
    made = base.requantize(value["algorithm"], {name: found["in_float"] for name, found in value["backends"].items()})
    if made["status"] != Status.OK:
        raise WorkbenchError(f"search: making the chosen model: {made['status']}: {made['reason']}")
    digest = made["value"]["digest"]
    remove([experiment.run.models / name for name in base.made - {digest, base.model.digest}])
    file = Path("search") / f"{model_key(base.entry)}.json"
    write_json(experiment.run.path / file, value)
    return {"digest": digest, "search": str(file), "search_s": value["seconds"]}


def _check(base: Base) -> None:
    if not base.task.get("search"):
        raise InputError(
            "quantize.accuracy: the task has no samples to search on; give it a method `search()` with labelled samples "
            "that are in neither its calibration nor its evaluation set, or leave `accuracy` out"
        )


def _places(experiment: Experiment, entry: Quantization) -> Iterator[tuple[Cell, Cell]]:
    """One INT8 cell of the recipe for each backend to search on, with its FP32 cell."""
    assert entry.accuracy is not None
    cells = experiment.cells()
    quantized: dict[str, Cell] = {}
    for cell in cells:
        if cell.precision.is_quantized and cell.model == model_key(entry):
            quantized.setdefault(cell.backend, cell)
    if unknown := [name for name in entry.accuracy.backends if name not in quantized]:
        raise InputError(
            f"quantize.accuracy.backends: {unknown[0]!r} is not deployed in INT8; deployed are: {', '.join(quantized)}"
        )
    for cell in quantized.values():
        if not entry.accuracy.backends or cell.backend in entry.accuracy.backends:
            yield cell, next(other for other in cells if other.group == cell.group and other.is_baseline)


def _why_not(cell: Cell, available: dict[str, Any]) -> str:
    """Why a backend cannot be searched on, here; empty when it can."""
    backend = BACKENDS[cell.backend]
    missing = available[f"{cell.backend}/{cell.device}"]["reason"]
    return (
        missing
        or backend.supports(cell.precision, cell.device)
        or backend.lacks(cell.precision, cell.device, this_machine())
    )


def _search_all(base: Base, places: list[tuple[Cell, Cell]]) -> tuple[dict[str, Any], str]:
    """The outcome on each backend, as JSON, and the algorithm that all share: a Model has one set of ranges."""
    own = str(METHODS[base.entry.method].parse(base.entry.options).model_dump(mode="json")["algo"])
    searches = {cell.backend: _BackendSearch(base, cell, baseline) for cell, baseline in places}
    algorithm = own
    for one in searches.values():
        one.run([algorithm, *(str(other) for other in Algorithm if other != algorithm)])
        algorithm = one.algorithm or algorithm
    hardest = max(searches.values(), key=lambda one: one.difficulty, default=None)
    algorithm = (hardest and hardest.algorithm) or algorithm
    for one in searches.values():
        if one.algorithm not in (algorithm, ""):
            one.run([algorithm])
    return {name: one.as_dict() for name, one in searches.items()}, algorithm


class _BackendSearch:
    """The search on one backend."""

    def __init__(self, base: Base, cell: Cell, baseline: Cell) -> None:
        self._base, self._cell, self._baseline = base, cell, baseline
        self._sensitivity: dict[str, Any] = {}
        self._judged: dict[Candidate, Judgement] = {}
        self._prepared: dict[Candidate, str] = {}
        self._found: Found | None = None
        self._outputs = base.experiment.run.path / "outputs" / f"search-{baseline.key}-{base.source.digest}"

    @cached_property
    def _float(self) -> dict[str, Any]:
        """What FP32 gives on this backend, on the same samples."""
        return self._evaluate(self._baseline, self._base.source, compare=False)

    @property
    def algorithm(self) -> str:
        """The algorithm of what was chosen; empty when nothing could be evaluated."""
        return self._found.chosen.candidate.algorithm if self._found and self._found.chosen else ""

    @property
    def difficulty(self) -> tuple[bool, int]:
        """Larger where the target is harder to meet."""
        assert self._found is not None
        chosen = self._found.chosen
        return (chosen is not None and not self._found.reached, len(chosen.candidate.in_float) if chosen else -1)

    def run(self, algorithms: list[str]) -> None:
        """Search; what was judged before is not judged again."""
        wanted = self._base.wanted
        target = Target(wanted.max_drop, wanted.min_sqnr_db, wanted.max_evaluations)
        if self._judged:
            target = replace(target, max_evaluations=max(1, wanted.max_evaluations - len(self._judged)))
        known = list(self._judged.items())
        self._found = search(self._judge, target, algorithms=algorithms, ranking=self._ranking, known=known)
        logger.info("%s: %s", self._cell.backend, self._found.ended)

    def as_dict(self) -> dict[str, Any]:
        """All trials, what stays in float with why, and the ranking of the tensors where it was needed."""
        assert self._found is not None
        chosen = self._found.chosen
        why = {row["tensor"]: row["why"] for row in self._sensitivity.get("order", [])}
        in_float = {name: f"worst SQNR: {why[name]}" for name in (chosen.candidate.in_float if chosen else ())}
        return self._found.as_dict() | {
            "in_float": in_float,
            "samples": self._float.get("samples"),
            "fp32": self._float.get("metric"),
            "price": self._price(),
            "ranked": {name: self._sensitivity.get(name) for name in ("scheme", "samples", "part", "seconds")},
        }

    def _price(self) -> dict[str, Any] | None:
        """What the tensors in float cost in time; None where there are none, or no model without to compare with."""
        chosen = self._found.chosen.candidate if self._found and self._found.chosen else None
        plain = next((self._prepared[c] for c in self._prepared if not c.in_float), None)
        if chosen is None or not chosen.in_float or plain is None:
            return None
        return price_of_float(self._base.experiment, self._cell, quantized=plain, chosen=self._prepared[chosen])

    def _ranking(self) -> list[str]:
        base = self._base
        self._sensitivity = rank_tensors(
            base.experiment, base.model, base.task, scheme=scheme_of(self._cell.backend), samples=base.wanted.sensitivity_images
        )  # fmt: skip
        order = [row["tensor"] for row in self._sensitivity["order"]]
        return order[: int(len(order) * MOST_IN_FLOAT)]

    def _judge(self, candidate: Candidate) -> Judgement:
        start = time.monotonic()
        found = self._try(candidate)
        judgement = Judgement(
            drop=found.get("drop"),
            sqnr_db=found.get("sqnr_db"),
            latency_ms=found.get("run_ms"),
            seconds=round(time.monotonic() - start, 1),
            reason=found["reason"],
        )
        self._judged[candidate] = judgement
        return judgement

    def _try(self, candidate: Candidate) -> dict[str, Any]:
        if self._float["reason"]:
            return {"reason": f"FP32: {self._float['reason']}"}
        kept = {self._cell.backend: dict.fromkeys(candidate.in_float, "tried")}
        record = self._base.requantize(candidate.algorithm, kept)
        if record["status"] != Status.OK:
            return {"reason": f"quantizing: {record['reason']}"}
        model = Model.open(self._base.experiment.run.models / record["value"]["digest"])
        found = self._evaluate(self._cell, model, compare=True)
        if not found["reason"]:
            sign = 1.0 if self._base.task["higher_is_better"] else -1.0
            found["drop"] = sign * (self._float["metric"] - found["metric"])
            self._prepared[candidate] = found["prepared"]
        return found

    def _evaluate(self, cell: Cell, model: Model, *, compare: bool) -> dict[str, Any]:
        """Metric, SQNR and time of a call on the search samples; `reason` tells what went wrong."""
        base = self._base
        try:
            record = prepare(base.experiment, cell, model)
        except UnsupportedError as error:
            return {"reason": str(error)}
        if record["status"] != Status.OK:
            return {"reason": f"preparing: {record['reason']}"}
        prepared = record["value"]["digest"]
        if compare:
            base.made.add(prepared)
        self._outputs.mkdir(parents=True, exist_ok=True)
        arguments = session_arguments(base.experiment, cell, prepared, batch=1) | {
            "limit": base.wanted.images, "predictions": str(self._outputs / f"{prepared}.json"),
            "outputs": str(self._outputs), "compare": compare, "sqnr_images": base.task["search"],
            "sqnr_outputs": _outputs(base), "part": "search",
        }  # fmt: skip
        identity = [prepared, cell.backend, cell.device, cell.threads, cell.options, BACKENDS[cell.backend].version(),
                    base.task["task_digest"], base.wanted.images, _outputs(base), this_machine().machine_id]  # fmt: skip
        record = base.experiment.job(
            Stage.QUANTIZE, f"search-evaluate-{cell.key}", "workbench.measure.accuracy:evaluate_job", arguments,
            identity=identity, threads=cell.threads, again=None if compare else not any(self._outputs.iterdir()) or None,
        )  # fmt: skip
        if record["status"] != Status.OK:
            return {"reason": f"{record['status']}: {record['reason']}"}
        value: dict[str, Any] = record["value"]
        return value | {"reason": "", "prepared": prepared, "metric": self._metric(value["metrics"])}

    def _metric(self, metrics: dict[str, float]) -> float:
        if self._base.metric not in metrics:
            raise InputError(
                f"quantize.accuracy.metric: no metric {self._base.metric!r}; the task's metrics are: {', '.join(metrics)}"
            )
        return metrics[self._base.metric]


def _outputs(base: Base) -> list[str]:
    return base.experiment.recipe.measure.sqnr_outputs
