"""Paddle Inference: oneDNN on CPU (FP32, BF16, INT8), Paddle's own kernels on GPU (FP32, FP16)."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from workbench.backends.base import Availability, Backend, Session, Settings, missing, model_path
from workbench.backends.gpu.availability import gpu_availability
from workbench.backends.gpu.install import PADDLE
from workbench.backends.int8_proof import int8_facts
from workbench.backends.onednn_trace import trace
from workbench.backends.paddle_gpu import PaddleGpuSession
from workbench.compatibility import import_paddle
from workbench.gpu_generations import has_code_for
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

logger = logging.getLogger(__name__)
TOUCHY = ("concat", "pool2d")
"""What paddlepaddle 3.0.0 may put into INT8 and then not run: joining signed with unsigned values, pooling to bins of several sizes."""

STURDY = frozenset(
    {"conv2d", "depthwise_conv2d", "fused_conv2d", "fc", "matmul", "fused_matmul", "reshape2", "transpose2"}
)
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
            return _gpu_availability()
        if not any(package_version(name) for name in self.packages):
            return missing("paddlepaddle", "pip install paddlepaddle==3.0.0")
        import_paddle()
        return Availability()

    def _open(self, model: Model, settings: Settings) -> Session:
        if settings.device is Device.GPU:
            return PaddleGpuSession(model, settings)
        return PaddleSession(model, settings)


def _gpu_availability() -> Availability:
    found = gpu_availability(("paddlepaddle-gpu",), install=PADDLE)
    if not found.ready:
        return found
    paddle = import_paddle()
    if not paddle.is_compiled_with_cuda():
        return Availability("this build of Paddle is for CPU only", f"install it with: {PADDLE}")
    capability = tuple(paddle.device.cuda.get_device_capability(0))
    # As "86" for 8.6.
    built_for = [divmod(int(number), 10) for number in paddle.version.cuda_archs()]
    if built_for and not has_code_for(capability, built_for):
        listed = ", ".join(f"{major}.{minor}" for major, minor in built_for)
        return Availability(
            f"this build of Paddle has no code for compute capability {capability[0]}.{capability[1]}, only: {listed}"
        )
    return Availability()


class PaddleSession(Session):
    """A predictor and its handles. `int8_operators`: those that run in INT8; empty: all that can."""

    def __init__(self, model: Model, settings: Settings) -> None:
        super().__init__(model, settings)
        import_paddle()
        self._model = model
        self._ran = False
        self.int8_operators: frozenset[str] = frozenset()
        self._connect()

    def _connect(self) -> None:
        from paddle import inference

        self._predictor = inference.create_predictor(
            _config(inference, self._model, self.settings, in_int8=self.int8_operators)
        )
        self._in = [self._predictor.get_input_handle(name) for name in self._predictor.get_input_names()]
        self._out = [self._predictor.get_output_handle(name) for name in self._predictor.get_output_names()]

    def describe(self) -> dict[str, Any]:
        """The engine, its precision, and what oneDNN executes, once there was a run."""
        program = self._model.folder / "model.pdmodel"
        traced = trace(self._predictor.run, program.read_bytes()) if self._last_values is not None else None
        operators, run_ms = traced or ([], None)
        return {
            "engine": "Paddle Inference (oneDNN)",
            "precision": str(self.settings.precision),
            **({"kept_in_float": list(TOUCHY)} if self.int8_operators else {}),
            **int8_facts(operators, run_ms=run_ms),
        }

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """The outputs. Where oneDNN refuses the first run in INT8, what it is known to refuse goes on in float."""
        try:
            outputs = self._call(values)
        except RuntimeError as error:
            if self._ran or self.int8_operators or self.settings.precision is not Precision.INT8:
                raise
            logger.warning(
                "%s: %s; %s stay in float", self._model.label, str(error).strip()[:200], " and ".join(TOUCHY)
            )
            self.int8_operators = STURDY
            self._connect()
            outputs = self._call(values)
        self._ran = True
        return outputs

    def _call(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        for handle, value in zip(self._in, values, strict=True):
            handle.copy_from_cpu(value)
        self._predictor.run()
        return [handle.copy_to_cpu() for handle in self._out]


def _config(inference: Any, model: Model, settings: Settings, *, in_int8: frozenset[str]) -> Any:
    """A CPU config. INT8 needs oneDNN and the graph optimizations, or Paddle silently computes fake-quantized FP32.

    `in_int8`: operators that are to run in INT8; empty: all that can.
    """
    config = inference.Config(model_path(model, "model.pdmodel"), model_path(model, "model.pdiparams"))
    config.disable_gpu()
    config.set_cpu_math_library_num_threads(settings.threads)
    config.enable_mkldnn()
    config.switch_ir_optim(True)
    config.enable_memory_optim()
    if settings.precision is Precision.INT8:
        config.enable_mkldnn_int8(set(in_int8))
    elif settings.precision is Precision.BF16:
        config.enable_mkldnn_bfloat16()
    return config
