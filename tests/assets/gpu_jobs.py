"""Jobs on the parts of the GPU backends that run without a GPU: Paddle's and ONNX Runtime's own answers are real."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from native_jobs import outcome

from workbench.backends.base import Settings
from workbench.backends.bound_tensors import BoundTensors
from workbench.backends.onnx_runtime_gpu import OnnxRuntimeGpuSession
from workbench.backends.onnx_runtime_profile import nodes_by_provider
from workbench.backends.onnx_runtime_providers import Provider, probe_cuda
from workbench.backends.paddle_gpu import PaddleGpuSession, operators_of
from workbench.backends.paddle_tensorrt import PaddleTensorRTOptions, PaddleTensorRTSession, collect_shapes
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
    OnnxRuntimeGpuSession(model, settings, provider=provider, workspace_mb=64, engines=Path(cache))
    return "opened"


def kept_engines(channel: Channel, *, model: str, inputs: str, folder: str) -> dict[str, Any]:
    """What a session of the TensorRT provider does where engines of another TensorRT are kept, or memory runs out.

    The provider is played inside ONNX Runtime's own class: it refuses as the real one does, and computes on the CPU. `refused.open` in
    the engines' folder is refused when the session is made, `refused.run` with a run.
    """
    import onnxruntime

    from workbench.backends import onnx_runtime_gpu

    engines = Path(folder)
    real = onnxruntime.InferenceSession
    create, infer = real._create_inference_session, real.run_with_iobinding
    says = {"refused.open": RuntimeError, "refused.run": onnxruntime.capi.onnxruntime_pybind11_state.EPFail}

    def refuse(name: str) -> None:
        if (engines / "memory").exists():
            raise RuntimeError("TensorRT EP failed to create engine: Cuda Runtime (out of memory)")
        if (engines / name).exists():
            raise says[name](
                f"[ONNXRuntimeError] : 11 : EP_FAIL : TensorRT EP could not deserialize engine from cache: {engines / name}"
            )

    def played(self: Any, providers: Any, *rest: Any) -> None:
        if isinstance(providers[0], tuple):
            refuse("refused.open")
        create(self, ["CPUExecutionProvider"], None)
        self._providers = [provider[0] if isinstance(provider, tuple) else provider for provider in providers]

    def run_played(self: Any, binding: Any, options: Any = None) -> None:
        refuse("refused.run")
        infer(self, binding, options)

    real._create_inference_session, real.run_with_iobinding = played, run_played
    onnx_runtime_gpu.CUDA_DEVICE = "cpu"
    opened = Model.open(Path(model))
    with np.load(inputs, allow_pickle=False) as arrays:
        (one,) = arrays.values()
    plain = real(str(opened.onnx_file), providers=["CPUExecutionProvider"])
    (expected,) = plain.run(None, {plain.get_inputs()[0].name: one})

    def run(name: str) -> dict[str, Any]:
        engines.mkdir(exist_ok=True)
        (engines / name).touch()
        session = OnnxRuntimeGpuSession(
            opened, Settings(device="gpu"), provider=Provider.TENSORRT, workspace_mb=64, engines=engines
        )
        (ours,) = session.run({opened.manifest.inputs[0].name: one}).values()
        return {
            "equal": bool(np.allclose(ours, expected, atol=1e-5)),
            "left": [path.name for path in engines.iterdir()],
        }

    return {name: outcome(lambda name=name: run(name)) for name in (*says, "memory")}


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


def paddle_kept_engines(channel: Channel, *, model: str, folder: str) -> dict[str, Any]:
    """What a session of Paddle-TensorRT does where engines of another TensorRT are kept, memory runs out, or a shape is not the profile's.

    The GPU is played at Paddle's own calls: the config stays on the CPU, where Paddle's build without TensorRT takes its settings, and
    the predictor is refused as Paddle refuses it.
    """
    paddle = import_paddle()
    from paddle import inference

    opened, kept = Model.open(Path(model)), Path(folder)
    (entry,) = opened.manifest.inputs
    create = inference.create_predictor

    def refusing(config: Any) -> Any:
        if (kept / "memory").exists():
            raise MemoryError(
                "ResourceExhaustedError:\n\nOut of memory error on GPU 0. Cannot allocate 2.1GB memory on GPU 0, none is left.\n"
            )
        if (kept / "engines" / "refused").exists():
            raise SystemError(
                "FatalError: Building TRT cuda engine failed when deserializing engine info. Please check:\n1. ..."
            )
        return create(config)

    paddle.inference.create_predictor = refusing
    inference.Config.enable_use_gpu = lambda self, *arguments: self.disable_gpu()
    inference.Config.use_gpu = lambda self: True
    inference.Config.enable_tensorrt_engine = lambda self, **arguments: None
    given = {entry.name: tuple([size, *entry.shape[1:]] for size in (1, 1, 2))}
    profile = make_profile(opened.manifest.inputs, batch=1, shapes=given)

    def run(batch: int) -> dict[str, Any]:
        options = PaddleTensorRTOptions(shapes=given)
        settings = Settings(device="gpu", precision="fp16", batch=1)
        session = PaddleTensorRTSession(opened, settings, options=options, profile=profile, folder=kept)
        (value,) = session.run({entry.name: np.zeros((batch, *entry.shape[1:]), np.float32)}).values()
        return {
            "batch": len(value),
            "left": sorted(path.name for path in kept.iterdir()),
            "engines": len(list((kept / "engines").iterdir())),
        }

    found = {"memory for shapes": outcome(lambda: run(1))} if (kept / "memory").exists() else {}
    (kept / "memory").unlink(missing_ok=True)
    found["first"] = outcome(lambda: run(2))
    (kept / "engines" / "refused").touch()
    found["refused"] = outcome(lambda: run(1))
    found["outside"] = outcome(lambda: run(3))
    (kept / "memory").touch()
    return found | {"memory": outcome(lambda: run(1))}
