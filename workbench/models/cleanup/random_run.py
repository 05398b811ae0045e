"""Running a saved Paddle program on random inputs, to compare it with another one."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import import_paddle

logger = logging.getLogger(__name__)

# What to put in place of axes of any length. Detectors need images of several strides' size; the batch is 2 where the
# network takes it, since a rewrite could go wrong along that axis only.
BATCHES = (2, 1)
LENGTHS = (64, 224, 640)


def run_on_random_inputs(prefix: Path) -> tuple[dict[str, NDArray[Any]], list[NDArray[Any]]] | None:
    """Inputs that the program at `prefix` takes, and its outputs for them; None when it takes none that were tried."""
    paddle = import_paddle()
    paddle.enable_static()
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, feeds, _ = paddle.static.load_inference_model(str(prefix), paddle.static.Executor(paddle.CPUPlace()))
    variables = [program.global_block().var(name) for name in feeds]
    for length, batch in itertools.product(LENGTHS, BATCHES):
        inputs = {v.name: _random(paddle, v, batch=batch, length=length) for v in variables}
        try:
            return inputs, run(prefix, inputs)
        except Exception as error:
            logger.info("%s does not take random inputs of batch %d, length %d: %s", prefix, batch, length, error)
        if all(-1 not in v.shape for v in variables):
            break
    return None


def run(prefix: Path, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The outputs of the program at `prefix`, in order, by Paddle's executor: no optimization comes between."""
    paddle = import_paddle()
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, _, fetches = paddle.static.load_inference_model(str(prefix), executor)
        outputs = executor.run(program, feed=dict(inputs), fetch_list=fetches)
    return [np.asarray(output) for output in outputs]


def largest_difference(before: Sequence[NDArray[Any]], after: Sequence[NDArray[Any]]) -> float:
    """The largest difference of any output relative to that output's largest value; infinite where shapes differ."""
    return max((_difference(*pair) for pair in zip(before, after, strict=True)), default=0.0)


def _difference(before: NDArray[Any], after: NDArray[Any]) -> float:
    if before.shape != after.shape or before.dtype != after.dtype:
        return float("inf")
    old, new = before.astype(np.float64), after.astype(np.float64)
    largest = np.abs(old).max(initial=0.0)
    difference = np.abs(old - new).max(initial=0.0)
    # Not a number on one side only would otherwise compare as equal.
    if not np.isfinite(difference):
        return 0.0 if np.array_equal(old, new, equal_nan=True) else float("inf")
    return float(difference / largest) if largest else float(difference)


def _random(paddle: Any, variable: Any, *, batch: int, length: int) -> NDArray[Any]:
    from paddle.base.data_feeder import convert_dtype

    shape = [axis if axis >= 0 else (length if index else batch) for index, axis in enumerate(variable.shape)]
    generator = np.random.default_rng(0)
    dtype = np.dtype(convert_dtype(variable.dtype))
    if dtype.kind == "f":
        return generator.normal(size=shape).astype(dtype)
    return generator.integers(0, 2, size=shape).astype(dtype)
