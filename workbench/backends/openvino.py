"""OpenVINO on Intel and AMD CPUs: FP32, BF16, and INT8 from Q/DQ pairs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from workbench.backends.base import Availability, Backend, BackendOptions, Session, Settings, missing, model_path
from workbench.backends.int8_proof import INT8, PROFILED_RUNS, Operator, int8_facts
from workbench.compatibility import import_openvino
from workbench.errors import UnavailableError
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

INSTALL = "pip install openvino==2026.4.1"
# As `layerType` of the runtime model calls convolutions and matrix products.
MATRIX_LAYERS = {"Convolution", "Deconvolution", "FullyConnected", "MatMul"}
NOT_EXECUTED = {"Const", "Input", "Output"}


class FloatPrecision(StrEnum):
    """Arithmetic of the operators that are not quantized."""

    FP32 = "fp32"
    BF16 = "bf16"


HINTS = {FloatPrecision.FP32: "f32", FloatPrecision.BF16: "bf16"}


class OpenVINOOptions(BackendOptions):
    """Options of OpenVINO."""

    int8_rest: FloatPrecision = Field(
        FloatPrecision.FP32,
        description="arithmetic of what an INT8 model leaves in float; bf16 needs a CPU that has it",
    )
    cpu_pinning: bool = Field(False, description="bind the threads to cores, which the other backends do not")


class OpenVINO(Backend):
    """Runs ONNX models with OpenVINO's CPU plugin."""

    name = "openvino"
    title = "OpenVINO"
    Options = OpenVINOOptions
    takes = Format.ONNX
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.CPU: frozenset({Precision.FP32, Precision.BF16, Precision.INT8}),
    }
    packages = ("openvino",)

    def _availability(self, device: Device) -> Availability:
        if package_version("openvino") is None:
            return missing("openvino", INSTALL)
        import_openvino()
        return Availability()

    def prepare_function(self, model: Model, settings: Settings) -> str:
        """Paddle models are exported."""
        return (
            "workbench.lowering.openvino:prepare_job"
            if model.manifest.format is Format.PADDLE
            else super().prepare_function(model, settings)
        )

    def _open(self, model: Model, settings: Settings) -> Session:
        return OpenVINOSession(model, settings)


class OpenVINOSession(Session):
    """A model compiled for each batch size that it is run with, since fixed shapes run faster; one request each."""

    def __init__(self, model: Model, settings: Settings) -> None:
        super().__init__(model, settings)
        self._core = import_openvino().Core()
        self._path = model_path(model, "model.onnx")
        self._properties = _properties(settings)
        if self._properties["INFERENCE_PRECISION_HINT"] == "bf16":
            self._refuse_without_bf16()
        self._requests: dict[int, Any] = {}
        self._last_batch = settings.batch
        self._request(settings.batch)

    def describe(self) -> dict[str, Any]:
        """The layers of the compiled model, and how long each takes in the last run's inputs where there was a run."""
        request, run_ms = self._request(self._last_batch), None
        if self._last_values is not None:
            request, run_ms = self._profiled(self._last_values)
        compiled = request.get_compiled_model()
        return {
            "engine": "OpenVINO",
            "float_precision": compiled.get_property("INFERENCE_PRECISION_HINT").to_string(),
            "threads": compiled.get_property("INFERENCE_NUM_THREADS"),
            **int8_facts(_operators(compiled.get_runtime_model(), run_ms), run_ms=run_ms),
        }

    def close(self) -> None:
        """Free the compiled models."""
        self._requests.clear()

    def _request(self, batch: int) -> Any:
        if batch not in self._requests:
            self._requests[batch] = self._compile(batch)
        return self._requests[batch]

    def _compile(self, batch: int, **properties: Any) -> Any:
        model = self._core.read_model(self._path)
        shapes = {
            port.any_name: [batch if axis == 0 and length < 0 else length for axis, length in enumerate(spec.shape)]
            for port, spec in zip(model.inputs, self.inputs, strict=True)
        }
        model.reshape(shapes)
        return self._core.compile_model(model, "CPU", self._properties | properties).create_infer_request()

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        if values and values[0].ndim:
            self._last_batch = len(values[0])
        # Inputs are read where they lie, as ONNX Runtime does; outputs are copied, since the next run overwrites them.
        found = self._request(self._last_batch).infer(values, share_inputs=True, share_outputs=False)
        outputs: Sequence[NDArray[Any]] = found.to_tuple()
        return outputs

    def _profiled(self, values: list[NDArray[Any]]) -> tuple[Any, float]:
        """Run a model of its own, with its profiler on; its request, and the mean time of a run in ms."""
        request = self._compile(self._last_batch, PERF_COUNT=True)
        start = time.perf_counter()
        for _ in range(PROFILED_RUNS):
            request.infer(values, share_inputs=True)
        return request, (time.perf_counter() - start) * 1e3 / PROFILED_RUNS

    def _refuse_without_bf16(self) -> None:
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if "BF16" not in able:
            raise UnavailableError(f"OpenVINO computes no BF16 on this CPU, only: {', '.join(able)}")


def _properties(settings: Settings) -> dict[str, Any]:
    options = OpenVINOOptions(**settings.options)
    rest = FloatPrecision.BF16 if settings.precision is Precision.BF16 else FloatPrecision.FP32
    if settings.precision is Precision.INT8:
        rest = options.int8_rest
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": settings.threads,
        # Without it, OpenVINO takes BF16 for FP32 on a CPU that has it.
        "INFERENCE_PRECISION_HINT": HINTS[rest],
        "ENABLE_CPU_PINNING": options.cpu_pinning,
    }


def _operators(runtime_model: Any, run_ms: float | None) -> Iterator[Operator]:
    """The executed layers; `execTimeMcs` is the mean over the runs of a profiled model."""
    for node in runtime_model.get_ordered_ops():
        facts = {key: value.astype(str) for key, value in node.get_rt_info().items()}
        kind, time_us = facts["layerType"], facts.get("execTimeMcs", "")
        if kind in NOT_EXECUTED or (run_ms is not None and time_us == "not_executed"):
            continue
        # The primitive knows better than the layer: `brgconv_avx512_1x1_I8`.
        primitive = facts.get("primitiveType", "").lower()
        yield Operator(
            kind=kind,
            name=facts.get("originalLayersNames", "").partition(",")[0] or node.get_friendly_name(),
            computes_in=INT8 if primitive.endswith(("_i8", "_u8")) else facts.get("runtimePrecision", ""),
            matrix=kind in MATRIX_LAYERS,
            ms=float(time_us) / 1e3 if time_us.isdigit() else 0.0,
        )
