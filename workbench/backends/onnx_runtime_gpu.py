"""ONNX Runtime on a GPU: the CUDA provider for float, the TensorRT provider for INT8, both with inputs and outputs bound to the GPU."""

import ctypes
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.backends.base import Arrays, Availability, Session, Settings, model_path
from workbench.backends.bound_tensors import BoundTensors
from workbench.backends.gpu.faults import device_faults
from workbench.backends.gpu.install import ONNX_RUNTIME
from workbench.backends.gpu.tf32 import forbid_tf32
from workbench.backends.int8_proof import int8_facts
from workbench.backends.onnx_runtime_profile import nodes_by_provider
from workbench.errors import UnavailableError, UnsupportedError
from workbench.models.model import Model, matching_inputs
from workbench.records import Precision

MEBIBYTE = 1024 * 1024
CUDA_DEVICE = "cuda"


class Provider(StrEnum):
    """What runs a model on a GPU."""

    AUTO = "auto"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


PROVIDER_NAMES = {Provider.CUDA: "CUDAExecutionProvider", Provider.TENSORRT: "TensorrtExecutionProvider"}


LIBRARIES = {
    "CUDAExecutionProvider": "libonnxruntime_providers_cuda.so",
    "TensorrtExecutionProvider": "libonnxruntime_providers_tensorrt.so",
}


def chosen_provider(asked: Provider, precision: Precision) -> Provider:
    """The provider for a precision: `auto` is CUDA for float and TensorRT for INT8.

    Raises UnsupportedError for INT8 on the CUDA provider: it has no INT8 kernels, and would compute in float between extra Q and DQ.
    """
    if asked is Provider.AUTO:
        return Provider.TENSORRT if precision.is_quantized else Provider.CUDA
    if asked is Provider.CUDA and precision.is_quantized:
        raise UnsupportedError(
            "ONNX Runtime's CUDA provider has no INT8 kernels; leave `gpu_provider` at auto, or give tensorrt"
        )
    return asked


def provider_list(
    provider: Provider, precision: Precision, *, workspace_mb: int, cache: Path
) -> list[tuple[str, dict[str, str]]]:
    """Providers with their options, the one that is to run first; the CUDA provider takes what TensorRT does not."""
    cuda = (PROVIDER_NAMES[Provider.CUDA], {"device_id": "0", "use_tf32": "0"})
    if provider is Provider.CUDA:
        return [cuda]
    options = {
        "device_id": "0",
        "trt_max_workspace_size": str(workspace_mb * MEBIBYTE),
        # The network is weakly typed here: INT8 and FP16 must be allowed, and the Q/DQ pairs say where INT8 is.
        "trt_int8_enable": str(precision.is_quantized),
        "trt_fp16_enable": str(precision in (Precision.FP16, Precision.INT8_FP16)),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(cache),
    }
    return [(PROVIDER_NAMES[Provider.TENSORRT], options), cuda]


def probe_cuda() -> Availability:
    """Whether the CUDA provider really loads: a network of one operator is opened on it."""
    import onnxruntime
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", ends[:1], ends[1:])
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    _load_libraries(onnxruntime, Provider.CUDA)
    wanted = PROVIDER_NAMES[Provider.CUDA]
    try:
        session = onnxruntime.InferenceSession(network.SerializeToString(), providers=[wanted])
        refuse_fallback(session.get_providers(), wanted)
    except UnavailableError as error:
        return Availability(str(error), f"install it with: {ONNX_RUNTIME}")
    except Exception as error:  # what ONNX Runtime raises has no class of its own
        return Availability(f"ONNX Runtime's CUDA provider does not start: {str(error).splitlines()[0][:300]}")
    return Availability()


class OnnxRuntimeGpuSession(Session):
    """A session whose first provider is the one that was asked for; ONNX Runtime itself would go on on the CPU without an error."""

    def __init__(self, model: Model, settings: Settings, *, provider: Provider, workspace_mb: int, cache: Path) -> None:
        super().__init__(model, settings)
        forbid_tf32()
        cache.mkdir(parents=True, exist_ok=True)
        self._path = model_path(model, "model.onnx")
        self._provider = provider
        self._providers = provider_list(provider, settings.precision, workspace_mb=workspace_mb, cache=cache)
        self._session = self._create()
        self._bound = BoundTensors(self._session, CUDA_DEVICE)

    def describe(self) -> dict[str, Any]:
        """Providers, and how many nodes each ran where there was a run; raises UnsupportedError when the wanted one ran none."""
        ran = (
            nodes_by_provider(self._create, self._bound.named(self._last_values))
            if self._last_values is not None
            else {}
        )
        wanted = PROVIDER_NAMES[self._provider]
        if ran and not ran.get(wanted):
            raise UnsupportedError(f"{wanted} took no part of the network; it ran on: {', '.join(ran)}")
        # Neither provider tells in which type its kernels compute.
        return {
            "engine": "ONNX Runtime",
            "providers": self._session.get_providers(),
            "nodes_by_provider": ran,
            **int8_facts([]),
        }

    def parts_ms(self, inputs: Arrays) -> dict[str, float]:
        """One more run with the GPU waited for after each part."""
        return self._bound.parts_ms(matching_inputs(self.inputs, inputs))

    def close(self) -> None:
        """Free the bound memory and the session."""
        del self._bound, self._session

    def _create(self, options: Any = None) -> Any:
        import onnxruntime

        _load_libraries(onnxruntime, self._provider)
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        options.log_severity_level = 3
        if self._provider is Provider.TENSORRT:
            # TensorRT optimizes by itself, and ONNX Runtime would move the Q/DQ pairs first.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        with device_faults():
            session = onnxruntime.InferenceSession(self._path, options, providers=self._providers)
        refuse_fallback(session.get_providers(), PROVIDER_NAMES[self._provider])
        session.disable_fallback()
        return session

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        with device_faults():
            self._bound.send(values)
            self._bound.infer()
            return self._bound.fetch()


def refuse_fallback(providers: Sequence[str], wanted: str) -> None:
    """Raise UnavailableError when a session's first provider is not the one that is to be measured, and say what keeps that away."""
    if not providers or providers[0] != wanted:
        found = providers[0] if providers else "nothing"
        raise UnavailableError(
            f"ONNX Runtime would run this on {found}: {wanted} does not load here, {_why_not(wanted)}"
        )


def _why_not(wanted: str) -> str:
    """The first library that a provider lacks, as the system's loader tells it."""
    import onnxruntime

    library = Path(onnxruntime.__file__).parent / "capi" / LIBRARIES[wanted]
    if not library.is_file():
        return "for this build of ONNX Runtime does not have it"
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        lacking = re.match(r"(\S+): cannot open shared object file", str(error))
        if lacking:
            return f"for {lacking[1]} is missing"
    return "and `workbench doctor` may tell why"


def _load_libraries(onnxruntime: Any, provider: Provider) -> None:
    """Load CUDA, cuDNN and libnvinfer from their wheels: where those lie, the system's loader does not look."""
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    if provider is Provider.TENSORRT:
        try:
            import tensorrt  # noqa: F401
        except (ImportError, OSError):
            return  # it may be installed without its Python package; whether it loads shows soon
