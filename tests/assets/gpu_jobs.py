"""Jobs on the parts of the GPU backends that run without a GPU: Paddle's and ONNX Runtime's own answers are real."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from native_jobs import outcome

from workbench.backends.base import Settings
from workbench.backends.bound_tensors import BoundTensors
from workbench.backends.onnx_runtime_gpu import OnnxRuntimeGpuSession, Provider, probe_cuda
from workbench.backends.onnx_runtime_profile import nodes_by_provider
from workbench.backends.paddle_gpu import PaddleGpuSession, operators_of
from workbench.backends.paddle_tensorrt import collect_shapes
from workbench.backends.tensorrt.profile import make_profile
from workbench.compatibility import import_paddle
from workbench.models.model import Model
from workbench.worker import Channel


def onnx_runtime(channel: Channel, *, model: str, inputs: str, cache: str) -> dict[str, Any]:
    """Bound runs on the CPU, and what ONNX Runtime's build for CPU answers when it is asked for a GPU."""
    import onnxruntime

    opened = Model.open(Path(model))

    def create(options: Any = None) -> Any:
        return onnxruntime.InferenceSession(str(opened.onnx_file), options, providers=["CPUExecutionProvider"])

    with np.load(inputs, allow_pickle=False) as arrays:
        (one,) = arrays.values()
    bound, plain = BoundTensors(create(), "cpu"), create()

    def run(value: np.ndarray[Any, Any]) -> bool:
        bound.send([value])
        bound.infer()
        (ours,) = bound.fetch()
        (theirs,) = plain.run(None, bound.named([value]))
        return bool(np.array_equal(ours, theirs))

    two, before = np.concatenate([one, one * 0.5]), one.copy()
    return {
        "equal": [run(value) for value in (one, one * 0.5, two, one)],
        "untouched": bool(np.array_equal(one, before)),
        "parts_ms": bound.parts_ms([one]),
        "nodes": nodes_by_provider(create, bound.named([one])),
        "probe": str(probe_cuda()),
        "open": {
            provider: outcome(lambda provider=provider: _open_on_gpu(opened, Provider(provider), cache))
            for provider in ("cuda", "tensorrt")
        },
    }


def _open_on_gpu(model: Model, provider: Provider, cache: str) -> str:
    settings = Settings(device="gpu")
    OnnxRuntimeGpuSession(model, settings, provider=provider, workspace_mb=64, cache=Path(cache))
    return "opened"


def paddle(channel: Channel, *, model: str, folder: str) -> dict[str, Any]:
    """Shapes that Paddle collects, operators of a program, and what its build for CPU answers when it is asked for a GPU."""
    import_paddle()
    from paddle import inference

    opened, shapes = Model.open(Path(model)), Path(folder) / "shapes.pbtxt"
    config = inference.Config(str(opened.folder / "model.pdmodel"), str(opened.folder / "model.pdiparams"))
    given = {spec.name: tuple([size, *spec.shape[1:]] for size in (1, 2, 4)) for spec in opened.manifest.inputs}
    collect_shapes(config, opened, make_profile(opened.manifest.inputs, batch=1, shapes=given), shapes)
    tensorrt = inference.Config(str(opened.folder / "model.pdmodel"), str(opened.folder / "model.pdiparams"))
    return {
        "shapes": shapes.read_text(),
        "inputs": json.loads(json.dumps([spec.name for spec in opened.manifest.inputs])),
        "operators": operators_of((opened.folder / "model.pdmodel").read_bytes()),
        "open": outcome(lambda: str(PaddleGpuSession(opened, Settings(device="gpu")))),
        "versions": [inference.get_trt_compile_version(), inference.get_trt_runtime_version()],
        "methods": [
            name
            for name in (
                "enable_use_gpu", "enable_tensorrt_engine", "enable_tuned_tensorrt_dynamic_shape", "collect_shape_range_info",
                "exp_disable_tensorrt_ops", "enable_tensorrt_explicit_quantization", "set_optim_cache_dir", "enable_save_optim_model",
            )
            if not hasattr(tensorrt, name)
        ],
    }  # fmt: skip
