"""Accuracy of a deployed model: parity with Paddle's own FP32, the task's metric, and the noise that quantization adds."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.backends.base import Arrays, Settings, stack, unstack
from workbench.backends.gpu.memory import process_memory_mb
from workbench.backends.registry import BACKENDS
from workbench.errors import InputError
from workbench.files import write_json
from workbench.machine import peak_memory_mb
from workbench.measure.statistics import percentile_interval, sqnr_db
from workbench.models.model import Model, matching_inputs
from workbench.records import Device
from workbench.tasks.base import Task
from workbench.tasks.loader import load_task
from workbench.worker import Channel

PARITY_SAMPLES = 4
PARITY_COSINE = 0.9999
PARITY_MAX_ABS = 1e-3


def reference_job(channel: Channel, *, model: str, task: dict[str, Any], outputs: str) -> dict[str, Any]:
    """Worker job: run the FP32 Model in Paddle's plain executor, no graph optimization, and keep its outputs.

    They are what every backend's FP32 outputs must match.
    """
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    source = Model.open(Path(model))
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, feeds, fetches = paddle.static.load_inference_model(str(source.paddle_prefix), executor)

        def run(inputs: Arrays) -> Arrays:
            values = matching_inputs(source.manifest.inputs, inputs)
            results = executor.run(program, feed=dict(zip(feeds, values, strict=True)), fetch_list=fetches)
            return {spec.name: value for spec, value in zip(source.manifest.outputs, results, strict=True)}

        for index, inputs in enumerate(_inputs(load_task(task))):
            np.savez(Path(outputs) / f"reference-{index}.npz", **run(inputs))
    return {"samples": index + 1}


def check_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any], reference: str | None
) -> dict[str, Any]:
    """Worker job: open a prepared Model, run it, describe it, and, with `reference`, compare it with Paddle's outputs.

    `peak_rss_mb` is the largest resident set of this process while it ran, runtime and task included; `gpu_memory_mb` what it holds of
    the GPU's memory, None where that is not told.
    """
    wanted = Settings(**settings)
    source = Model.open(Path(model))
    with BACKENDS[backend].open(source, wanted) as session:
        parity: list[dict[str, Any]] = []
        for index, inputs in enumerate(_inputs(load_task(task))):
            same = [inputs] * wanted.batch
            outputs = unstack(session.run(stack(same)), same)[0]
            _refuse_not_a_number(outputs)
            if reference is not None:
                parity.append(_parity(np.load(Path(reference) / f"reference-{index}.npz", allow_pickle=False), outputs))
        memory = peak_memory_mb()
        gpu_memory = process_memory_mb() if wanted.device is Device.GPU else None
        described = session.describe()
    worst = {
        "max_abs": max((p["max_abs"] for p in parity if p["max_abs"] is not None), default=None),
        "cosine": min((p["cosine"] for p in parity), default=None),
    }
    return {
        "describe": described,
        "peak_rss_mb": memory,
        "gpu_memory_mb": gpu_memory,
        "parity": worst | {"passed": all(p["passed"] for p in parity)} if parity else None,
    }


def evaluate_job(
    channel: Channel,
    *,
    backend: str,
    model: str,
    settings: dict[str, Any],
    task: dict[str, Any],
    limit: int | None,
    predictions: str,
    outputs: str,
    compare: bool,
    sqnr_images: int,
    sqnr_outputs: Sequence[str],
    part: str = "evaluation",
) -> dict[str, Any]:
    """Worker job: the task's metric over the evaluation samples, and the SQNR of the first outputs against FP32's.

    `part` is the task's set of samples: "evaluation" or "search". `run_ms` is the time of a quick call (10th percentile): a hint, not a
    measurement. An FP32 model (`compare` false) leaves its outputs in folder `outputs`, where the quantized ones find them.
    """
    opened = Model.open(Path(model))
    loaded = load_task(task, opened.manifest.left_to_task)
    samples = list(getattr(loaded, part)()[:limit])
    noise = OutputNoise(Path(outputs), keep=not compare, names=sqnr_outputs)
    found, times = [], []
    with BACKENDS[backend].open(opened, Settings(**settings)) as session:
        for index, sample in enumerate(samples):
            inputs, meta = loaded.preprocess(sample.decode())
            start = time.perf_counter()
            result = session.run(inputs)
            times.append(time.perf_counter() - start)
            _refuse_not_a_number(result)
            if index < sqnr_images:
                noise.add(index, result)
            found.append(loaded.to_json(loaded.postprocess(result, meta)))
            channel.progress(index + 1, len(samples), part)
    metrics = loaded.metric(found, [sample.truth for sample in samples])
    if undefined := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise InputError(
            f"metric {undefined[0]}: not a number over {len(samples)} samples; give the task samples whose truth is not empty"
        )
    write_json(Path(predictions), found)
    return {
        "metrics": {name: float(value) for name, value in metrics.items()},
        "samples": len(samples),
        "sqnr_db": noise.sqnr_db(),
        "run_ms": float(np.percentile(times, 10)) * 1e3,
    }


def drop_job(channel: Channel, *, task: dict[str, Any], baseline: str, other: str, resamples: int) -> dict[str, float]:
    """Worker job: the drop of the primary metric with its paired bootstrap interval, from two prediction files."""
    loaded = load_task(task)
    first, second = (json.loads(Path(path).read_text(encoding="utf-8")) for path in (baseline, other))
    truths = [sample.truth for sample in loaded.evaluation()[: len(first)]]
    sign = 1.0 if loaded.higher_is_better else -1.0

    def drop(chosen: Sequence[int]) -> float:
        a, b = (_primary(loaded, [found[i] for i in chosen], [truths[i] for i in chosen]) for found in (first, second))
        return sign * (a - b)

    value = drop(range(len(first)))
    if first == second:
        return {"drop": value, "low": value, "high": value}
    random = np.random.default_rng(0)
    drops = []
    for done in range(resamples):
        drops.append(drop(random.integers(0, len(first), len(first)).tolist()))
        channel.progress(done + 1, resamples, "bootstrap of the drop")
    # Few images may all lack objects in a resample: it tells nothing of a detector.
    low, high = percentile_interval([value for value in drops if math.isfinite(value)])
    return {"drop": value, "low": low, "high": high}


class OutputNoise:
    """Sums the difference between two models' outputs, sample by sample; one sample's outputs are in memory at a time."""

    def __init__(self, folder: Path, *, keep: bool, names: Sequence[str]) -> None:
        self._folder, self._keep, self._names = folder, keep, list(names)
        self._signal = self._noise = 0.0
        self._comparable = True

    def add(self, index: int, outputs: Arrays) -> None:
        """Keep the outputs of a sample (FP32), or compare them with the ones kept."""
        path = self._folder / f"outputs-{index}.npz"
        if self._keep:
            np.savez(path, **outputs)
            return
        with np.load(path, allow_pickle=False) as kept:
            if unknown := [name for name in self._names if name not in outputs]:
                raise InputError(f"measure.sqnr_outputs: no output {unknown[0]!r}; outputs are: {', '.join(outputs)}")
            for name in self._names or [n for n, v in outputs.items() if np.issubdtype(v.dtype, np.floating)]:
                reference = kept[name].astype(np.float64)
                if reference.shape != outputs[name].shape:
                    self._comparable = False  # a detector that ends in NMS gives as many boxes as it finds
                    return
                self._signal += float((reference**2).sum())
                self._noise += float(((outputs[name] - reference) ** 2).sum())

    def sqnr_db(self) -> float | None:
        """The ratio in dB; None for FP32 itself, and where there is no signal to compare: integers, or shapes that differ."""
        return sqnr_db(self._signal, self._noise) if self._comparable and self._signal else None


def _inputs(task: Task) -> Iterator[Arrays]:
    for sample in task.evaluation()[:PARITY_SAMPLES]:
        yield task.preprocess(sample.decode())[0]


def _parity(reference: Any, outputs: Arrays) -> dict[str, Any]:
    """Largest difference, relative to the reference's largest value where that is above 1, and smallest cosine."""
    max_abs, cosine = 0.0, 1.0
    for name, value in outputs.items():
        want, have = (np.ravel(array).astype(np.float64) for array in (reference[name], value))
        if want.shape != have.shape:
            return {"max_abs": None, "cosine": 0.0, "passed": False}
        max_abs = max(
            max_abs, float(np.abs(want - have).max(initial=0.0)) / max(1.0, float(np.abs(want).max(initial=0.0)))
        )
        norms = float(np.linalg.norm(want) * np.linalg.norm(have))
        cosine = min(cosine, float(want @ have) / norms if norms else 1.0)
    return {"max_abs": max_abs, "cosine": cosine, "passed": cosine >= PARITY_COSINE and max_abs <= PARITY_MAX_ABS}


def _refuse_not_a_number(outputs: Arrays) -> None:
    for name, value in outputs.items():
        if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            raise ValueError(f"output {name!r} holds values that are not finite numbers")


def _primary(task: Task, predictions: list[Any], truths: list[Any]) -> float:
    return float(task.metric(predictions, truths)[task.primary_metric])
