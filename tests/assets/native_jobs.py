"""Jobs for the tests that several native calls share: starting a worker with Paddle takes longer than any of them.

Workers find this file through PYTHONPATH (fixture `native_jobs`).
"""

import json
import os
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.quant.static import quantize_job
from workbench.quant.training.jobs import train_job
from workbench.tasks.loader import load_task
from workbench.worker import Channel


def import_many(channel: Channel, *, sources: dict[str, Any], models: str) -> dict[str, Any]:
    """Import each source; what became of it, by name."""
    return {
        name: outcome(lambda source=source: import_job(channel, source=source, models=models)["digest"])
        for name, source in sources.items()
    }


def quantize_many(channel: Channel, *, cases: dict[str, dict[str, Any]], models: str) -> dict[str, Any]:
    """Quantize for each case, which holds the other arguments of the job; what became of it, by name.

    A progress message of total 0 goes before the ones of each case, and bears its name.
    """

    def run(name: str, case: dict[str, Any]) -> str:
        channel.progress(0, 0, name)
        with TemporaryDirectory() as scratch:
            statistics = str(Path(scratch) / "statistics.npz")
            return str(
                quantize_job(channel, method="static", variant=name, kept=statistics, models=models, **case)["digest"]
            )

    return {name: outcome(lambda name=name, case=case: run(name, case)) for name, case in cases.items()}


def train_many(channel: Channel, *, cases: dict[str, dict[str, Any]], models: str) -> dict[str, Any]:
    """Train for each case, which holds the method and the other arguments of its job; what became of it, by name.

    What a job returned is in the file `<name>.json` below `models`.
    """

    def run(name: str, case: dict[str, Any]) -> str:
        made = train_job(channel, variant=name, kept=str(Path(models) / f"{name}.npz"), models=models, **case)
        (Path(models) / f"{name}.json").write_text(json.dumps(made))
        return str(made["digest"])

    return {name: outcome(lambda name=name, case=case: run(name, case)) for name, case in cases.items()}


def paddle_rates(channel: Channel, *, count: int) -> dict[str, list[float]]:
    """The first `count` learning rates of Paddle's own schedulers, from 0.1."""
    from workbench.compatibility import import_paddle

    kinds = import_paddle().optimizer.lr
    schedulers = {
        "cosine": kinds.CosineAnnealingDecay(0.1, T_max=count),
        "slow cosine": kinds.CosineAnnealingDecay(0.1, T_max=2 * count),
        "piecewise": kinds.PiecewiseDecay(boundaries=[5, 15], values=[0.1, 0.05, 0.025]),
    }
    found: dict[str, list[float]] = {name: [] for name in schedulers}
    for _ in range(count):
        for name, scheduler in schedulers.items():
            found[name].append(float(scheduler.last_lr))
            scheduler.step()
    return found


def run_paddle(channel: Channel, *, models: dict[str, str], inputs: str) -> dict[str, Any]:
    """The outputs of Paddle Models, INT8 ones among them, as Paddle's own executor computes them, by name."""
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    found = {}
    with np.load(inputs, allow_pickle=False) as arrays:
        values = list(dict(arrays).values())
    for name, folder in models.items():
        executor, scope = paddle.static.Executor(paddle.CPUPlace()), paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            program, feeds, fetches = paddle.static.load_inference_model(
                str(Model.open(Path(folder)).paddle_prefix), executor
            )
            outputs = executor.run(program, feed=dict(zip(feeds, values, strict=True)), fetch_list=fetches)
        found[name] = [output.tolist() for output in outputs]
    return found


def paddleslim_ranges(
    channel: Channel, *, model: str, task: dict[str, Any], algorithms: list[str]
) -> dict[str, dict[str, float]]:
    """The thresholds that PaddleSlim's own quantization of a Model comes to, by algorithm and tensor."""
    from workbench.compatibility import import_paddle, import_paddleslim_quant

    paddle, quant, source = import_paddle(), import_paddleslim_quant(), Model.open(Path(model))
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    loaded = load_task(task)
    batches = [loaded.preprocess(sample.decode())[0] for sample in loaded.calibration()]
    found = {}
    for algorithm in algorithms:
        with paddle.static.scope_guard(paddle.static.Scope()), TemporaryDirectory() as folder:
            quant.quant_post_static(
                executor=executor, model_dir=str(source.folder), quantize_model_path=folder, data_loader=lambda: iter(batches),
                model_filename="model.pdmodel", params_filename="model.pdiparams", batch_nums=len(batches),
                scope=paddle.static.global_scope(), algo=algorithm, hist_percent=0.99999, onnx_format=True,
                save_model_filename="model.pdmodel", save_params_filename="model.pdiparams",
            )  # fmt: skip
            found[algorithm] = _activation_ranges(paddle, folder)
    return found


def earth_movers_distances(
    channel: Channel, *, model: str, task: dict[str, Any], thresholds: dict[str, list[float]]
) -> dict[str, list[float]]:
    """The loss that PaddleSlim's `emd` makes smallest, |mean - mean'| + |std - std'|, at each of a tensor's thresholds: the least of any batch."""
    from workbench.compatibility import import_paddle

    paddle, loaded = import_paddle(), load_task(task)
    paddle.enable_static()
    found = {tensor: np.full(len(tried), np.inf) for tensor, tried in thresholds.items()}
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, _, _ = paddle.static.load_inference_model(str(Model.open(Path(model)).paddle_prefix), executor)
        tensors = [program.global_block().var(tensor) for tensor in thresholds]
        for sample in loaded.calibration():
            values = executor.run(program, feed=loaded.preprocess(sample.decode())[0], fetch_list=tensors)
            for (tensor, tried), seen in zip(thresholds.items(), values, strict=True):
                steps = np.asarray(tried)[:, None] / 127
                exact = seen.astype(np.float64).ravel()
                rounded = np.clip(np.round(exact / steps), -128, 127) * steps
                losses = abs(exact.mean() - rounded.mean(axis=1)) + abs(exact.std() - rounded.std(axis=1))
                found[tensor] = np.minimum(found[tensor], losses)
    return {tensor: losses.tolist() for tensor, losses in found.items()}


def weights_rounded_otherwise(channel: Channel) -> dict[str, list[Any]]:
    """Shapes of made-up weights and the axis of their channels: `compared`, and those that Paddle itself rounds otherwise than we do, `differ`."""
    from workbench.compatibility import faster_graph_passes, import_paddle

    import_paddle()
    from paddle.static.quantization import utils

    random, paddles = np.random.default_rng(0), utils.quant_tensor
    found: dict[str, list[Any]] = {"compared": [], "differ": []}
    with faster_graph_passes():
        for shape, axis in (
            ((16, 3, 3, 3), 0),
            ((4, 6, 3, 3), 1),
            ((20, 30), 1),
            ((20, 30), -1),
            ((20, 30), 0),
            ((1, 3, 2, 2), 0),
        ):
            weights = (random.normal(size=shape) * 10 ** random.uniform(-6, 3)).astype(np.float32)
            channels = np.moveaxis(weights, axis, 0)
            channels[-1] = 0
            scales = (np.abs(channels).reshape(len(channels), -1).max(axis=1) * np.float32(0.9)).tolist()
            ours, theirs = (
                round_(weights.copy(), scales, axis, 8, onnx_format=True) for round_ in (utils.quant_tensor, paddles)
            )
            found["compared"].append([*shape, axis])
            if ours.dtype != theirs.dtype or not np.array_equal(ours, theirs):
                found["differ"].append([*shape, axis])
    return found


def operators_found_otherwise(channel: Channel, *, model: str) -> dict[str, Any]:
    """How many pairs of a variable and an operator beside it a network has, and the variables whose operators we find otherwise than PaddleSlim."""
    from workbench.compatibility import faster_pruning, import_paddle, import_paddleslim_quant

    paddle = import_paddle()
    import_paddleslim_quant()
    from paddleslim.core import GraphWrapper

    paddle.enable_static()
    with paddle.static.scope_guard(paddle.static.Scope()):
        executor = paddle.static.Executor(paddle.CPUPlace())
        program, _, _ = paddle.static.load_inference_model(str(Model.open(Path(model)).paddle_prefix), executor)

    def beside(graph: Any) -> dict[str, list[list[int]]]:
        return {v.name(): [[op.idx() for op in v.inputs()], [op.idx() for op in v.outputs()]] for v in graph.vars()}

    theirs = beside(GraphWrapper(program))
    with faster_pruning():
        ours = beside(GraphWrapper(program))
    pairs = sum(len(found) for both in theirs.values() for found in both)
    return {"pairs": pairs, "differ": [name for name in theirs | ours if theirs.get(name) != ours.get(name)]}


def _activation_ranges(paddle: Any, folder: str) -> dict[str, float]:
    """Tensor -> absmax of the quantize_linear operators around activations."""
    executor, scope = paddle.static.Executor(paddle.CPUPlace()), paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        program, _, _ = paddle.static.load_inference_model(f"{folder}/model", executor)
    block = program.global_block()
    pairs = [(op.input("X")[0], op.input("Scale")[0]) for op in block.ops if op.type == "quantize_linear"]
    return {
        tensor: float(np.ravel(np.array(scope.find_var(scale).get_tensor()))[0])
        for tensor, scale in pairs
        if not block.var(tensor).persistable
    }


def run_session(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], inputs: dict[str, str], folder: str
) -> dict[str, Any]:
    """Open a model and run every npz file of `inputs`; outputs go to files of the same name in `folder`.

    Returns what `describe` says, and what became of each run, by name.
    """
    with BACKENDS[backend].open(Model.open(Path(model)), Settings(**settings)) as session:

        def run(path: str, name: str) -> str:
            with np.load(path, allow_pickle=False) as arrays:
                outputs = session.run(dict(arrays))
            target = Path(folder) / f"{name}.npz"
            np.savez(target, **outputs)
            return str(target)

        runs = {name: outcome(lambda path=path, name=name: run(path, name)) for name, path in inputs.items()}
        return {"describe": session.describe(), "runs": runs}


def run_on_noise(channel: Channel, *, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Run Models on random input by Paddle Inference: whether all outputs are numbers, and what really ran, by name.

    A case has the Model's folder, `precision`, and `side`, the pixels of an axis of any size.
    """
    found = {}
    for name, case in cases.items():
        model, random = Model.open(Path(case["model"]), verify=True), np.random.default_rng(0)
        (spec,) = model.manifest.inputs
        shape = [1, *(axis if axis > 0 else case["side"] for axis in spec.shape[1:])]
        settings = Settings(precision=case["precision"])
        with BACKENDS["paddle_inference"].open(model, settings) as session:
            outputs = session.run({spec.name: random.normal(0, 1, shape).astype(spec.dtype)})
            finite = all(bool(np.isfinite(value).all()) for value in outputs.values())
            found[name] = {"finite": finite, **session.describe()}
    return found


def keep_outputs(channel: Channel, *, backend: str, model: str, inputs: str) -> dict[str, Any]:
    """Run the first sample of a batch, then the second: what was the first's output before and after, and the second's."""
    with np.load(inputs, allow_pickle=False) as arrays:
        name, values = next(iter(arrays.items()))
    with BACKENDS[backend].open(Model.open(Path(model)), Settings()) as session:
        (first,) = session.run({name: values[:1]}).values()
        before = first.tolist()
        (second,) = session.run({name: values[1:2]}).values()
        return {"first_as_it_was": before, "first_after_the_second": first.tolist(), "second": second.tolist()}


def describe_between_runs(channel: Channel, *, backend: str, model: str, inputs: str) -> dict[str, Any]:
    """The outputs of a run before and after the session was described, and what else was printed meanwhile."""
    with np.load(inputs, allow_pickle=False) as arrays:
        values = dict(arrays)
    kept_output = os.dup(1)
    with tempfile.TemporaryFile() as file, BACKENDS[backend].open(Model.open(Path(model)), Settings()) as session:
        (before,) = session.run(values).values()
        os.dup2(file.fileno(), 1)
        os.write(1, b"kept\n")
        described = session.describe()
        os.dup2(kept_output, 1)
        file.seek(0)
        printed = file.read().decode()
        (after,) = session.run(values).values()
    assert described["operators"]
    return {"before": before.tolist(), "after": after.tolist(), "printed": printed}


def run_onnx_file(channel: Channel, *, path: str, inputs: str) -> dict[str, Any]:
    """The outputs of an ONNX file as it is, by ONNX Runtime."""
    import onnxruntime

    with np.load(inputs, allow_pickle=False) as arrays:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        values = session.run(None, dict(arrays))
    names = [output.name for output in session.get_outputs()]
    return {name: value.tolist() for name, value in zip(names, values, strict=True)}


def read_weights(channel: Channel, *, model: str) -> dict[str, Any]:
    """Every stored tensor of a Paddle Model: dtype, shape, and absmax along its first axis."""
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        program, _, _ = paddle.static.load_inference_model(
            str(Model.open(Path(model)).paddle_prefix), paddle.static.Executor(paddle.CPUPlace())
        )
        names = [v.name for v in program.list_vars() if v.persistable and v.name not in ("feed", "fetch")]
        arrays = {name: np.array(scope.find_var(name).get_tensor()) for name in names}
    return {
        name: {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "absmax": np.abs(value.astype(np.float64)).reshape(max(1, len(value)), -1).max(axis=1).tolist(),
        }
        for name, value in arrays.items()
        if value.ndim
    }


def outcome(call: Callable[[], str]) -> dict[str, str]:
    """The value of a call, or the kind and text of its error."""
    try:
        return {"value": call(), "error": "", "reason": ""}
    except Exception as error:
        traceback.print_exc()
        return {"value": "", "error": type(error).__name__, "reason": str(error)}
