"""Running a float Paddle program over the calibration data, once, and keeping statistics of every float activation."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.errors import InputError
from workbench.machine import peak_memory_mb
from workbench.models.model import Model, matching_inputs
from workbench.quant.statistics import Statistics, load_statistics, save_statistics
from workbench.tasks.loader import load_task
from workbench.worker import Channel

if TYPE_CHECKING:
    from workbench.tasks.base import Inputs, Sample, Task

COUNTERS = 2  # threads; fast_histogram lets go of python, which numpy's bincount does not


@dataclass(frozen=True)
class Calibration:
    """The statistics of a program's float activations, by variable name."""

    rows: dict[str, int]
    statistics: Statistics
    facts: dict[str, float]

    def absmax(self) -> dict[str, float]:
        """The largest absolute value of every tensor that had values."""
        return {
            name: float(self.statistics.absmax[row]) for name, row in self.rows.items() if self.statistics.batches[row]
        }

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """What `calibrate` wrote."""
        names, statistics, facts = load_statistics(path)
        return cls({name: row for row, name in enumerate(names)}, statistics, facts)


def calibrate(channel: Channel, source: Model, task: dict[str, Any], *, path: Path, batch_size: int, batches: int | None) -> Calibration:  # fmt: skip
    """Statistics over the task's calibration samples, from `path` when they are there, otherwise measured and kept there.

    `batches`: how many to use at most; None is all. One batch is in memory at a time, however many there are. The facts
    say how many samples there were, the seconds, and by how many MB the process grew. Raises InputError for bad data.
    """
    if not path.is_file():
        start = time.perf_counter()
        feeds = Feeds(source, load_task(task), batch_size=batch_size, batches=batches, channel=channel)
        names, statistics, grown = _measure(source, feeds)
        facts = {"samples": feeds.samples, "calibrate_s": time.perf_counter() - start, "calibrate_mb": grown}
        save_statistics(statistics, path, names=names, facts=facts)
    return Calibration.load(path)


def _measure(source: Model, feeds: "Feeds") -> tuple[list[str], Statistics, float]:
    paddle = import_paddle()
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        program, feed_names, fetches = paddle.static.load_inference_model(str(source.paddle_prefix), executor)
        names = float_activations(paddle, program)
        for name in names:
            program.global_block().var(name).persistable = True  # or the executor would free it
        slopes = leaky_slopes(program)
        statistics = Statistics.empty(len(names), slopes=[slopes.get(name, 1.0) for name in names])
        parts = [range(first, len(names), COUNTERS) for first in range(COUNTERS)]
        before = peak_memory_mb()
        # One batch is counted, in two halves at once, while the next one runs.
        with ThreadPoolExecutor(COUNTERS) as pool:
            counted: list[Future[None]] = []
            for values in feeds:
                feed = dict(zip(feed_names, values, strict=True))
                executor.run(program, feed=feed, fetch_list=fetches, return_numpy=False)
                batch = [_value(scope, name) for name in names]
                for done in counted:
                    done.result()
                counted = [pool.submit(statistics.add, batch, rows=rows) for rows in parts]
            for done in counted:
                done.result()
            list(pool.map(statistics.finish, parts))
    return names, statistics, peak_memory_mb() - before


def float_activations(paddle: Any, program: Any) -> list[str]:
    """The float32 variables that operators make or the caller feeds, in the order in which they are made.

    Without the sums to which a bias is still to be added: every backend adds it in the same kernel.
    """
    block = program.global_block()
    made = dict.fromkeys(name for op in block.ops if op.type != "fetch" for name in _results(op))
    unfinished = {
        op.input("X")[0] for op in block.ops if op.type == "elementwise_add" and _is_bias(block.var(op.input("Y")[0]))
    }
    readers = Counter(name for op in block.ops for name in op.input_arg_names)
    variables = [block.var(n) for n in made if block.has_var(n) and not (n in unfinished and readers[n] == 1)]
    float32 = (paddle.float32, paddle.base.core.VarDesc.VarType.FP32)
    lod_tensor = paddle.base.core.VarDesc.VarType.LOD_TENSOR
    return [v.name for v in variables if not v.persistable and v.type == lod_tensor and v.dtype in float32]


def _results(op: Any) -> list[str]:
    """What an operator makes, without what a batch normalization leaves for a gradient: that is not written in inference."""
    return list(op.output("Y") if op.type == "batch_norm" else op.output_arg_names)


def leaky_slopes(program: Any) -> dict[str, float]:
    """Tensors that only a LeakyReLU reads, and its slope."""
    readers = defaultdict(list)
    for op in program.global_block().ops:
        for name in op.input_arg_names:
            readers[name].append(op)
    alone = {name: found[0] for name, found in readers.items() if len(found) == 1}
    return {name: float(op.attr("alpha")) for name, op in alone.items() if op.type == "leaky_relu"}


def _is_bias(variable: Any) -> bool:
    return bool(variable.persistable and len(variable.shape) == 1)


def _value(scope: Any, name: str) -> Any:
    variable = scope.find_var(name)
    tensor = variable.get_tensor() if variable is not None else None
    return np.asarray(tensor) if tensor is not None and tensor._is_initialized() else None


class Feeds:
    """The calibration batches: iterating preprocesses and stacks them, one at a time."""

    def __init__(self, model: Model, task: "Task", *, batch_size: int, batches: int | None, channel: Channel) -> None:
        self._task = task
        self._model = model
        self._size = batch_size
        found = list(task.calibration())
        if not found:
            raise InputError("task: its calibration set is empty; give it images")
        self._samples = found[: batch_size * (batches or math.ceil(len(found) / batch_size))]
        self._channel = channel

    @property
    def samples(self) -> int:
        """How many samples are used."""
        return len(self._samples)

    def __iter__(self) -> Iterator[list[Any]]:
        for first in range(0, len(self._samples), self._size):
            batch = self._samples[first : first + self._size]
            yield self._stack(batch)
            self._channel.progress(first + len(batch), len(self._samples), "calibration")

    def _stack(self, samples: "list[Sample]") -> list[Any]:
        prepared: list[Inputs] = [self._task.preprocess(sample.decode())[0] for sample in samples]
        stacked = {name: np.concatenate([inputs[name] for inputs in prepared]) for name in prepared[0]}
        values = matching_inputs(self._model.manifest.inputs, stacked)
        for spec, value in zip(self._model.manifest.inputs, values, strict=True):
            if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
                keys = ", ".join(sample.key for sample in samples)
                raise InputError(
                    f"input {spec.name!r}: not all values of calibration sample {keys} are finite; mend the task's preprocess"
                )
        return values
