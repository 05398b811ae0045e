"""Jobs of the tests of networks without trained weights: building several in one worker saves loading Paddle for each."""

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbench.backends.base import Arrays, Settings
from workbench.backends.registry import BACKENDS
from workbench.compatibility import import_paddle
from workbench.experiment import TaskSource
from workbench.measure.statistics import sqnr_db
from workbench.models.architectures.build import build_architecture
from workbench.models.architectures.drawing import draw
from workbench.models.architectures.registry import find_architecture
from workbench.models.cleanup.random_run import largest_difference, run
from workbench.models.complexity import multiply_adds
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.quant.static import quantize_job
from workbench.records import Device, Precision
from workbench.tasks.loader import load_task, task_spec
from workbench.worker import Channel

ON_CPU = ("onnxruntime", "openvino", "paddle_inference")


def costs(channel: Channel, *, shapes: dict[str, dict[str, list[int]]]) -> dict[str, dict[str, float]]:
    """Parameters (without what batch norms keep) and multiply-adds of each network for inputs of such shapes."""
    paddle = import_paddle()
    found = {}
    for name, given in shapes.items():
        architecture = find_architecture(name, given)
        paddle.disable_static()
        network = architecture.build()
        network.eval()
        specs = [paddle.static.InputSpec(one.shape, one.dtype, one.name) for one in architecture.inputs]
        with TemporaryDirectory() as folder:
            paddle.jit.save(network, f"{folder}/model", input_spec=specs)
            paddle.enable_static()
            program, _, _ = paddle.static.load_inference_model(
                f"{folder}/model", paddle.static.Executor(paddle.CPUPlace())
            )
        statistics = ("_mean", "_variance")
        parameters = sum(int(np.prod(p.shape)) for key, p in network.named_parameters() if not key.endswith(statistics))
        found[name] = {"params_m": parameters / 1e6, "gmacs": (multiply_adds(program) or 0) / 1e9}
        channel.progress(len(found), len(shapes), name)
    return found


def signals(channel: Channel, *, names: dict[str, dict[str, list[int]]]) -> dict[str, Any]:
    """What each network built with random weights makes of a drawn sample, and of one that differs by a single rounding."""
    found = {}
    for name, given in names.items():
        architecture = find_architecture(name, given)
        with TemporaryDirectory() as folder:
            build_architecture(channel, architecture, Path(folder))
            inputs = {one.name: draw(one, (2, 0, number))[np.newaxis] for number, one in enumerate(architecture.inputs)}
            outputs = run(Path(folder) / "model", inputs)
            nudged = {
                key: np.nextafter(value, np.inf, dtype=value.dtype) if value.dtype.kind == "f" else value
                for key, value in inputs.items()
            }
            found[name] = {
                "shapes": [list(output.shape) for output in outputs],
                "largest": max(float(np.abs(output).max()) for output in outputs),
                "spread": min(float(output.std()) for output in outputs),
                "rounding": largest_difference(outputs, run(Path(folder) / "model", nudged)),
                "again": [output.ravel()[:8].tolist() for output in outputs],
            }
    return found


def open_everywhere(channel: Channel, *, name: str, shapes: dict[str, list[int]], folder: str) -> dict[str, Any]:
    """Quantize a network and run it in FP32 and INT8 on every backend: SQNR of INT8 in dB, or why it did not run."""
    root = Path(folder)
    spec = task_spec(
        TaskSource(name="synthetic", options={"architecture": name, "input_shapes": shapes, "calibration_samples": 2}),
        root,
    )
    source = {"architecture": name, "input_shapes": shapes}
    given = Model.open(root / import_job(channel, source=source, models=folder)["digest"])
    made = quantize_job(
        channel, model=str(given.folder), task=spec, method="static", options={"algo": "abs_max"}, variant="",
        kept=str(root / "kept.npz"), models=folder,
    )  # fmt: skip
    quantized = Model.open(root / made["digest"])
    task = load_task(spec)
    inputs, _ = task.preprocess(task.evaluation()[0].decode())
    found: dict[str, Any] = {}
    for number, backend in enumerate(ON_CPU):
        try:
            outputs = [
                _run(channel, backend, model, precision, inputs=inputs, models=root)
                for model, precision in ((given, Precision.FP32), (quantized, Precision.INT8))
            ]
            signal = sum(float((value**2).sum()) for value in outputs[0].values())
            noise = sum(float(((outputs[1][key] - value) ** 2).sum()) for key, value in outputs[0].items())
            found[backend] = {"sqnr_db": sqnr_db(signal, noise), "reason": ""}
        except Exception as error:
            found[backend] = {"sqnr_db": None, "reason": f"{type(error).__name__}: {error}"}
        channel.progress(number + 1, len(ON_CPU), backend)
    return found


def _run(channel: Channel, backend: str, model: Model, precision: Precision, *, inputs: Arrays, models: Path) -> Arrays:
    settings = Settings(device=Device.CPU, precision=precision, pinned=False, threads=1, batch=1, options={})
    if function := BACKENDS[backend].prepare_function(model, settings):
        module, _, name = function.partition(":")
        job = getattr(importlib.import_module(module), name)
        model = Model.open(models / job(channel, model=str(model.folder), models=str(models))["digest"])
    with BACKENDS[backend].open(model, settings) as session:
        return session.run(inputs)
