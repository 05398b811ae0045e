"""The deciding side of a comparison: one worker a model, and the parent hands out the turns.

Measured in alternating blocks, never call by call: models that take turns call by call empty each other's caches, and
one at a time, since a machine drifts more between two runs than the models differ.
"""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.experiment import Measurement
from workbench.launch import Outcome, Progress, Worker, WorkerEnded
from workbench.measure.disturbance import Disturbance, LoadMeter
from workbench.measure.statistics import Interval, block_ratio
from workbench.records import Scope, Status

JOB = "workbench.measure.timer:latency_job"


@dataclass(frozen=True)
class Member:
    """One model of a comparison group: the arguments of its latency job, where its log goes, and its scopes (None: all)."""

    name: str
    arguments: dict[str, Any]
    log: Path
    threads: int
    scopes: tuple[Scope, ...] | None = None

    def takes_part(self, scope: Scope) -> bool:
        """Whether the member is measured in a scope."""
        return self.scopes is None or scope in self.scopes


@dataclass
class Measured:
    """What a member gave: its blocks by scope, in rounds; `outcome` says why they are few or none."""

    outcome: Outcome = field(default_factory=lambda: Outcome(Status.OK))
    first_call_ms: float | None = None
    open_s: float | None = None
    blocks: dict[Scope, list[list[float]]] = field(default_factory=dict)
    parts: dict[Scope, list[dict[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupResult:
    """All members' blocks and how much else the machine was doing meanwhile."""

    members: dict[str, Measured]
    disturbance: Disturbance

    def speedup(self, baseline: str, other: str, scope: Scope) -> Interval | None:
        """How many times faster than the baseline a member is, or None when either was not measured to the end."""
        a, b = (self.members[name] for name in (baseline, other))
        if a.outcome.status is not Status.OK or b.outcome.status is not Status.OK or scope not in b.blocks:
            return None
        return block_ratio(a.blocks[scope], b.blocks[scope])


def measure_group(
    members: Sequence[Member], measurement: Measurement, *, progress: Progress | None = None
) -> GroupResult:
    """Measure the members against each other in rounds: one block of each a round, the order reversed every other round."""
    results = {member.name: Measured() for member in members}
    with ExitStack() as stack:
        workers = _open(members, measurement, results, stack=stack)
        meter = LoadMeter(threads=max(member.threads for member in members))
        total = len(measurement.scopes) * measurement.rounds
        for number, (scope, turn) in enumerate((s, r) for s in measurement.scopes for r in range(measurement.rounds)):
            taking_part = [member.name for member in members if member.name in workers and member.takes_part(scope)]
            names = taking_part if turn % 2 == 0 else list(reversed(taking_part))
            for name in names:
                _block(workers, name, scope, measurement, measured=results[name])
            if progress is not None:
                progress(number + 1, total, f"{scope}, round {turn + 1}")
        return GroupResult(results, meter.read())


def _open(
    members: Sequence[Member], measurement: Measurement, results: dict[str, Measured], *, stack: ExitStack
) -> dict[str, Worker]:
    """Open every member in a worker of its own, all at once, and warm them up one after another; returns those that came up."""
    workers = {}
    for member in members:
        arguments = member.arguments | {"warmup": measurement.warmup}
        workers[member.name] = stack.enter_context(Worker(JOB, arguments, log=member.log, threads=member.threads))
    for name in list(workers):
        if opened := _answer(workers, name, measurement, results[name]):
            results[name].open_s = opened["open_s"]
    for name in list(workers):
        if warm := _answer(workers, name, measurement, results[name], asked="warm"):
            results[name].first_call_ms = warm["first_call_ms"]
    return workers


def _answer(
    workers: dict[str, Worker], name: str, measurement: Measurement, measured: Measured, *, asked: str = "", **fields: Any
) -> dict[str, Any] | None:  # fmt: skip
    """The next message of a worker, after it was asked; None when it ended instead: it is no more of `workers` then, and `measured` says why."""
    try:
        if asked:
            workers[name].send(asked, **fields)
        return workers[name].receive(measurement.timeout_s)
    except WorkerEnded as ended:
        workers.pop(name).close()
        measured.outcome = ended.outcome
        return None


def _block(
    workers: dict[str, Worker], name: str, scope: Scope, measurement: Measurement, *, measured: Measured
) -> None:
    """Have one block run."""
    runs = max(measurement.block_runs, math.ceil(measurement.repeats / measurement.rounds))
    block = {
        "runs": runs,
        "seconds": measurement.block_seconds,
        "discard_runs": measurement.discard_runs,
        "discard_seconds": measurement.discard_seconds,
    }
    if answer := _answer(workers, name, measurement, measured, asked="block", scope=scope, block=block):
        measured.blocks.setdefault(scope, []).append(answer["samples_ms"])
        measured.parts.setdefault(scope, []).append(answer["parts_ms"])
