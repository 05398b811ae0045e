"""What INT8 costs on each backend, for networks that go the whole way; a job (see native_jobs.py)."""

import math
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from workbench.backends.base import Arrays, Settings
from workbench.backends.registry import BACKENDS
from workbench.measure.statistics import sqnr_db
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.quant.static import quantize_job
from workbench.records import Device, Precision
from workbench.tasks.loader import load_task
from workbench.worker import Channel


def int8_noise(
    channel: Channel, *, networks: dict[str, str], task: dict[str, Any], backends: list[str], models: str
) -> dict[str, dict[str, float | None]]:
    """SQNR in dB of INT8 against FP32 of the same backend, on the task's evaluation samples, by network and backend.

    `networks`: name -> ONNX file. Each is imported, quantized with ranges from the calibration samples, and lowered. None
    stands where INT8 gives no number. `kept_in_float` counts the weights that Paddle alone would misread, and so has in float.
    """
    loaded = load_task(task)
    inputs = [loaded.preprocess(sample.decode())[0] for sample in loaded.evaluation()]
    ready = [name for name in backends if BACKENDS[name].availability(Device.CPU).ready]
    found: dict[str, dict[str, float | None]] = {}
    for name, path in networks.items():
        channel.progress(len(found), len(networks), name)
        float_model = import_job(channel, source={"path": path}, models=models)["digest"]
        statistics = str(Path(models) / f"{name}.npz")
        int8_model = quantize_job(
            channel, model=str(Path(models) / float_model), task=task, method="static", options={"algo": "abs_max"},
            variant="abs_max", kept=statistics, models=models,
        )["digest"]  # fmt: skip
        found[name] = {
            backend: _decibels(
                outputs(channel, backend, float_model, Precision.FP32, inputs=inputs, models=models),
                int8_outputs(channel, backend, int8_model, inputs=inputs, models=models),
            )
            for backend in ready
        }
        kept = Model.open(Path(models) / int8_model).manifest.scales.kept_in_float
        found[name]["kept_in_float"] = float(len(kept.get("paddle_inference", {})))
    return found


def int8_outputs(channel: Channel, backend: str, digest: str, *, inputs: list[Arrays], models: str) -> list[Any]:
    """As `outputs`; empty where Paddle cannot run what it made itself."""
    try:
        return outputs(channel, backend, digest, Precision.INT8, inputs=inputs, models=models)
    except RuntimeError as error:
        # paddlepaddle 3.0.0: its INT8 pass joins the outputs of convolutions in int8 and uint8, and oneDNN cannot.
        if backend == "paddle_inference" and "primitive descriptor for a concat" in str(error):
            return []
        raise


def outputs(
    channel: Channel, backend: str, digest: str, precision: Precision, *, inputs: list[Arrays], models: str
) -> list[Any]:
    """The one output of a Paddle Model for each of the inputs, prepared for the backend and run there."""
    model, settings = Model.open(Path(models) / digest), Settings(precision=precision)
    if prepare := BACKENDS[backend].prepare_function(model, settings):
        prepared = resolve_name(prepare)(channel, model=str(model.folder), models=models)
        model = Model.open(Path(models) / prepared["digest"])
    with BACKENDS[backend].open(model, settings) as session:
        return [np.copy(value) for values in inputs for value in session.run(values).values()]


def _decibels(signal: list[Any], other: list[Any]) -> float | None:
    if not other:
        return None
    pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(signal, other, strict=True)]
    found = sqnr_db(sum(float((a**2).sum()) for a, _ in pairs), sum(float(((a - b) ** 2).sum()) for a, b in pairs))
    return found if math.isfinite(found) else None
