"""NVIDIA's CUDA runtime through cuda-python: every call checked, every fault one line."""

import logging
from typing import Any

from workbench.backends.gpu.faults import LOWER_DEMAND
from workbench.errors import DeviceError

logger = logging.getLogger(__name__)
NON_BLOCKING_STREAM = 1
OUT_OF_MEMORY = "cudaErrorMemoryAllocation"


class Cuda:
    """The functions of `cuda.bindings.runtime` by name; raises DeviceError where one does not succeed."""

    def __init__(self) -> None:
        from cuda.bindings import runtime

        self._runtime = runtime
        self.to_device = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.to_host = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        # Relaxed: TensorRT may allocate while it is recorded, which the stricter modes forbid.
        self.relaxed_capture = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeRelaxed

    def __call__(self, function: str, *arguments: Any) -> Any:
        """Call a function; returns what it gives besides its error code: nothing, one value, or a tuple."""
        error, *values = getattr(self._runtime, function)(*arguments)
        if error.value:
            text = self._runtime.cudaGetErrorString(error)[1].decode()
            memory = self._runtime.cudaMemGetInfo()[1:] if error.name == OUT_OF_MEMORY else ()
            wanted = arguments[0] if function in ("cudaMalloc", "cudaHostAlloc") else None
            raise DeviceError(fault(error.name, text, function, wanted=wanted, memory=memory))
        return values[0] if len(values) == 1 else tuple(values) or None

    def free(self, function: str, *arguments: Any) -> None:
        """Give something back. A fault is only logged: it comes of an earlier one, which is what is to be told."""
        try:
            self(function, *arguments)
        except DeviceError as error:
            logger.warning("%s", error)


def fault(name: str, text: str, function: str, *, wanted: int | None = None, memory: tuple[Any, ...] = ()) -> str:
    """One line for an error of CUDA: its name and text, the function; `wanted` bytes and (free, total) where memory ran out."""
    if name != OUT_OF_MEMORY:
        return f"CUDA: {text} ({name} in {function})"
    asked = f"{wanted / 1e6:.1f} MB more" if wanted is not None else "more"
    if function == "cudaHostAlloc":
        return f"out of pinned host memory: {asked} asked for; deploy with pinned: false"
    free = f", {memory[0] / 1e9:.1f} of {memory[1] / 1e9:.1f} GB free" if memory and memory[1] else ""
    return f"out of GPU memory: {asked} asked for{free}; {LOWER_DEMAND}"
