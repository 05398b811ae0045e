"""Paddle Inference: oneDNN on CPU (FP32, BF16, INT8)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from workbench.backends.base import Availability, Backend, Session, Settings, missing, model_path
from workbench.backends.gpu import gpu_availability
from workbench.backends.int8_proof import int8_facts
from workbench.backends.onednn_trace import trace
from workbench.compatibility import import_paddle
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

CPU_PRECISIONS = frozenset({Precision.FP32, Precision.BF16, Precision.INT8})


class PaddleInference(Backend):
    """Runs Paddle models with Paddle's own engine."""

    name = "paddle_inference"
    title = "Paddle Inference"
    takes = Format.PADDLE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.CPU: CPU_PRECISIONS,
        Device.GPU: frozenset({Precision.FP32, Precision.FP16}),
    }
    packages = ("paddlepaddle", "paddlepaddle-gpu")
    runs_nms = True

    def _availability(self, device: Device) -> Availability:
        if device is Device.GPU:
            found = gpu_availability(
                ("paddlepaddle-gpu",), "pip install paddlepaddle-gpu==3.0.0, from Paddle's own index"
            )
            return (
                found
                if not found.ready
                else Availability("this version of the workbench does not run Paddle Inference on GPU yet")
            )
        if not any(package_version(name) for name in self.packages):
            return missing("paddlepaddle", "pip install paddlepaddle==3.0.0")
        import_paddle()
        return Availability()

    def _open(self, model: Model, settings: Settings) -> Session:
        return PaddleSession(model, settings)


class PaddleSession(Session):
    """A predictor and its handles."""

    def __init__(self, model: Model, settings: Settings) -> None:
        super().__init__(model, settings)
        import_paddle()
        from paddle import inference

        self._program = model.folder / "model.pdmodel"
        self._predictor = inference.create_predictor(_config(inference, model, settings))
        self._in = [self._predictor.get_input_handle(name) for name in self._predictor.get_input_names()]
        self._out = [self._predictor.get_output_handle(name) for name in self._predictor.get_output_names()]

    def describe(self) -> dict[str, Any]:
        """The engine, its precision, and what oneDNN executes, once there was a run."""
        traced = trace(self._predictor.run, self._program.read_bytes()) if self._last_values is not None else None
        operators, run_ms = traced or ([], None)
        return {
            "engine": "Paddle Inference (oneDNN)",
            "precision": str(self.settings.precision),
            **int8_facts(operators, run_ms=run_ms),
        }

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        for handle, value in zip(self._in, values, strict=True):
            handle.copy_from_cpu(value)
        self._predictor.run()
        return [handle.copy_to_cpu() for handle in self._out]


def _config(inference: Any, model: Model, settings: Settings) -> Any:
    """A CPU config. INT8 needs oneDNN and the graph optimizations, or Paddle silently computes fake-quantized FP32."""
    config = inference.Config(model_path(model, "model.pdmodel"), model_path(model, "model.pdiparams"))
    config.disable_gpu()
    config.set_cpu_math_library_num_threads(settings.threads)
    config.enable_mkldnn()
    config.switch_ir_optim(True)
    config.enable_memory_optim()
    if settings.precision is Precision.INT8:
        config.enable_mkldnn_int8()
    elif settings.precision is Precision.BF16:
        config.enable_mkldnn_bfloat16()
    return config
