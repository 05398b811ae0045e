"""ONNX Runtime: its own kernels on CPU (FP32, INT8 from Q/DQ pairs); the CUDA and TensorRT providers on GPU."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from workbench.backends.base import Availability, Backend, BackendOptions, Session, Settings, missing, model_path
from workbench.backends.gpu.availability import gpu_availability
from workbench.backends.gpu.install import ONNX_RUNTIME
from workbench.backends.gpu.kept_engines import engine_folder
from workbench.backends.int8_proof import int8_facts
from workbench.backends.onnx_runtime_gpu import OnnxRuntimeGpuSession
from workbench.backends.onnx_runtime_profile import optimized, profiled
from workbench.backends.onnx_runtime_providers import Provider, chosen_provider, probe_cuda
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision


class GraphOptimization(StrEnum):
    """How far ONNX Runtime rewrites the graph before it runs it."""

    NONE = "none"
    BASIC = "basic"
    EXTENDED = "extended"
    ALL = "all"


class OnnxRuntimeOptions(BackendOptions):
    """Options of ONNX Runtime."""

    graph_optimization: GraphOptimization = Field(
        GraphOptimization.ALL, description="rewriting of the graph at load, on CPU"
    )
    gpu_provider: Provider = Field(
        Provider.AUTO, description="what runs it on a GPU; auto: CUDA for float, TensorRT for INT8"
    )
    gpu_workspace_mb: int = Field(1024, ge=1, description="memory that a layer may use in TensorRT, in MiB")


class OnnxRuntime(Backend):
    """Runs ONNX models with ONNX Runtime."""

    name = "onnxruntime"
    title = "ONNX Runtime"
    Options = OnnxRuntimeOptions
    takes = Format.ONNX
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.CPU: frozenset({Precision.FP32, Precision.INT8}),
        Device.GPU: frozenset({Precision.FP32, Precision.FP16, Precision.INT8, Precision.INT8_FP16}),
    }
    packages = ("onnxruntime", "onnxruntime-gpu")

    def _availability(self, device: Device) -> Availability:
        if device is Device.GPU:
            found = gpu_availability(("onnxruntime-gpu",), install=ONNX_RUNTIME)
            return probe_cuda() if found.ready else found
        if not any(package_version(name) for name in self.packages):
            return missing("onnxruntime", "pip install onnxruntime")
        import onnxruntime  # noqa: F401

        return Availability()

    def prepare_function(self, model: Model, settings: Settings) -> str:
        """Paddle models are exported: on CPU with this runtime's own Q/DQ pairs, on GPU with TensorRT's, or in FP16."""
        published = model.manifest.method == "published" and settings.device is Device.GPU
        if model.manifest.format is not Format.PADDLE and not published:
            return super().prepare_function(model, settings)
        if settings.device is not Device.GPU:
            return "workbench.lowering.onnx_runtime:prepare_job"
        half = settings.precision is Precision.FP16
        return f"workbench.lowering.tensorrt:{'prepare_half_job' if half else 'prepare_job'}"

    def _open(self, model: Model, settings: Settings) -> Session:
        if settings.device is not Device.GPU:
            return OnnxRuntimeSession(model, settings)
        options = OnnxRuntimeOptions(**settings.options)
        return OnnxRuntimeGpuSession(
            model,
            settings,
            provider=chosen_provider(options.gpu_provider, settings.precision),
            workspace_mb=options.gpu_workspace_mb,
            engines=engine_folder("onnxruntime-tensorrt", model.digest, self.version(), settings.precision),
        )


class OnnxRuntimeSession(Session):
    """An `onnxruntime.InferenceSession` on the CPU provider."""

    def __init__(self, model: Model, settings: Settings) -> None:
        super().__init__(model, settings)
        self._path = model_path(model, "model.onnx")
        self._session = self._create()
        self._in = [value.name for value in self._session.get_inputs()]
        self._out = [value.name for value in self._session.get_outputs()]

    def describe(self) -> dict[str, Any]:
        """Providers, and the operators of the graph as ONNX Runtime rewrote it, timed with the last run's inputs."""
        if self._last_values is None:
            operators, run_ms = optimized(self._create), None
        else:
            operators, run_ms = profiled(self._create, dict(zip(self._in, self._last_values, strict=True)))
        return {
            "engine": "ONNX Runtime",
            "providers": self._session.get_providers(),
            **int8_facts(operators, run_ms=run_ms),
        }

    def _create(self, options: Any = None) -> Any:
        import onnxruntime

        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = _level(onnxruntime, OnnxRuntimeOptions(**self.settings.options))
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        outputs: Sequence[NDArray[Any]] = self._session.run(self._out, dict(zip(self._in, values, strict=True)))
        return outputs


def _level(onnxruntime: Any, options: OnnxRuntimeOptions) -> Any:
    levels = onnxruntime.GraphOptimizationLevel
    return {
        GraphOptimization.NONE: levels.ORT_DISABLE_ALL,
        GraphOptimization.BASIC: levels.ORT_ENABLE_BASIC,
        GraphOptimization.EXTENDED: levels.ORT_ENABLE_EXTENDED,
        GraphOptimization.ALL: levels.ORT_ENABLE_ALL,
    }[options.graph_optimization]
