"""ONNX Runtime's providers on a GPU: which one runs what, with which options, and whether it really is the one that runs."""

import ctypes
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.backends.base import Availability
from workbench.backends.gpu.diagnosis import provider_library
from workbench.backends.gpu.install import ONNX_RUNTIME
from workbench.errors import UnavailableError, UnsupportedError
from workbench.records import Precision

MEBIBYTE = 1024 * 1024


class Provider(StrEnum):
    """What runs a model on a GPU."""

    AUTO = "auto"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


PROVIDER_NAMES = {Provider.CUDA: "CUDAExecutionProvider", Provider.TENSORRT: "TensorrtExecutionProvider"}


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
    load_libraries(onnxruntime, Provider.CUDA)
    wanted = PROVIDER_NAMES[Provider.CUDA]
    try:
        session = onnxruntime.InferenceSession(network.SerializeToString(), providers=[wanted], enable_fallback=0)
        refuse_fallback(session.get_providers(), Provider.CUDA)
    except UnavailableError as error:
        return Availability(str(error), f"install it with: {ONNX_RUNTIME}")
    except Exception as error:  # what ONNX Runtime raises has no class of its own
        return Availability(f"ONNX Runtime's CUDA provider does not start: {str(error).splitlines()[0][:300]}")
    return Availability()


def refuse_fallback(providers: Sequence[str], wanted: Provider) -> None:
    """Raise UnavailableError when a session's first provider is not the one that is to be measured, and say what keeps that away."""
    name = PROVIDER_NAMES[wanted]
    if not providers or providers[0] != name:
        found = providers[0] if providers else "nothing"
        raise UnavailableError(f"ONNX Runtime would run this on {found}: {name} does not load here, {_why_not(wanted)}")


def load_libraries(onnxruntime: Any, provider: Provider) -> None:
    """Load CUDA, cuDNN and libnvinfer from their wheels: where those lie, the system's loader does not look."""
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    if provider is Provider.TENSORRT:
        try:
            import tensorrt  # noqa: F401
        except (ImportError, OSError):
            return  # it may be installed without its Python package; whether it loads shows soon


def _why_not(wanted: Provider) -> str:
    """The first library that a provider lacks, as the system's loader tells it."""
    import onnxruntime

    library = Path(onnxruntime.__file__).parent / "capi" / provider_library(wanted)
    if not library.is_file():
        return "for this build of ONNX Runtime does not have it"
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        lacking = re.match(r"(\S+): cannot open shared object file", str(error))
        if lacking:
            return f"for {lacking[1]} is missing"
    return "and `workbench doctor` may tell why"
