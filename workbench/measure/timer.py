"""The timing side of a comparison: a worker that opens one model and runs blocks of calls when it is told to."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from workbench.backends.base import Arrays, Session, Settings, stack, unstack
from workbench.backends.registry import BACKENDS
from workbench.models.model import Model
from workbench.records import Scope
from workbench.tasks.base import Task
from workbench.tasks.loader import load_task
from workbench.worker import Channel

SAMPLES_IN_TURN = 8
PARTS = ("preprocess", "run", "postprocess")
PARTED_RUNS = 10


def run_block(
    call: Callable[[], Any], *, runs: int, seconds: float, discard_runs: int, discard_seconds: float
) -> list[float]:
    """Time single calls, in ms: at least `runs` and at least `seconds` of them.

    The first calls warm the caches that the other models of the group emptied: they are thrown away until
    `discard_runs` calls or `discard_seconds` have passed.
    """
    _discard(call, discard_runs, discard_seconds)
    samples: list[float] = []
    clock, total, enough = time.perf_counter_ns, 0, seconds * 1e9
    gc.disable()
    try:
        while len(samples) < runs or total < enough:
            start = clock()
            call()
            elapsed = clock() - start
            samples.append(elapsed / 1e6)
            total += elapsed
    finally:
        gc.enable()
    return samples


def _discard(call: Callable[[], Any], runs: int, seconds: float) -> None:
    start = time.perf_counter()
    for _ in range(runs):
        call()
        if time.perf_counter() - start >= seconds:
            return


class EndToEnd:
    """Pre-processing, run and post-processing of decoded samples; keeps how long each part took, in ms."""

    def __init__(self, session: Session, task: Task, images: list[Any], *, batch: int) -> None:
        self._session, self._task, self._batch = session, task, batch
        self._images = cycle(images)
        self.parts_ms: dict[str, list[float]] = {name: [] for name in PARTS}

    def __call__(self) -> list[Any]:
        """Take the next samples through all three parts; returns their predictions."""
        clock = time.perf_counter_ns
        images = [next(self._images) for _ in range(self._batch)]
        start = clock()
        prepared = [self._task.preprocess(image) for image in images]
        samples = [inputs for inputs, _ in prepared]
        inputs = stack(samples)
        ready = clock()
        outputs = self._session.run(inputs)
        done = clock()
        results = [
            self._task.postprocess(one, meta)
            for one, (_, meta) in zip(unstack(outputs, samples), prepared, strict=True)
        ]
        for name, nanoseconds in zip(PARTS, (ready - start, done - ready, clock() - done), strict=True):
            self.parts_ms[name].append(nanoseconds / 1e6)
        return results

    def drain(self) -> dict[str, float]:
        """Mean of each part since the last call of this, in ms."""
        means = {name: sum(values) / len(values) for name, values in self.parts_ms.items() if values}
        self.parts_ms = {name: [] for name in PARTS}
        return means


def means(parted: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each part over several runs."""
    return {name: sum(parts[name] for parts in parted) / len(parted) for name in (parted[0] if parted else ())}


def latency_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any], warmup: int
) -> None:
    """Worker job: open a model, say `ready`, then answer each `block` message with its samples until there are no more.

    `ready` carries `first_call_ms` and `open_s`; a block carries `samples_ms` and `parts_ms`: of an end-to-end call pre-processing,
    run and post-processing, of a run on a GPU the copies and the inference.
    """
    wanted = Settings(**settings)
    source = Model.open(Path(model))
    loaded = load_task(task, source.manifest.left_to_task)
    images = [sample.decode() for sample in loaded.evaluation()[: max(SAMPLES_IN_TURN, wanted.batch)]]
    start = time.perf_counter()
    with BACKENDS[backend].open(source, wanted) as session:
        opened = time.perf_counter() - start
        batches = cycle(_batches(loaded, images, wanted.batch))
        end_to_end = EndToEnd(session, loaded, images, batch=wanted.batch)
        calls: dict[Scope, Callable[[], Any]] = {
            Scope.RUNTIME: lambda: session.run(next(batches)),
            Scope.END_TO_END: end_to_end,
        }
        channel.send("opened", open_s=opened)
        if channel.receive() is None:
            return
        start = time.perf_counter()
        calls[Scope.RUNTIME]()
        first = time.perf_counter() - start
        for _ in range(warmup):
            calls[Scope.RUNTIME]()
        channel.send("ready", first_call_ms=first * 1e3)
        while (message := channel.receive()) is not None:
            end_to_end.drain()
            samples = run_block(calls[Scope(message["scope"])], **message["block"])
            # Not in the block itself: looking at the clock between the parts takes time too.
            parted = [
                session.parts_ms(next(batches)) for _ in range(PARTED_RUNS if message["scope"] == Scope.RUNTIME else 0)
            ]
            channel.send("block", samples_ms=samples, parts_ms=end_to_end.drain() or means(parted))


def _batches(task: Task, images: list[Any], size: int) -> list[Arrays]:
    prepared = [task.preprocess(image)[0] for image in images]
    starts = range(0, len(prepared) - size + 1, size) if len(prepared) >= size else [0]
    return [stack([prepared[(start + offset) % len(prepared)] for offset in range(size)]) for start in starts]
