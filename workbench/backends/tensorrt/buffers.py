"""Memory of one input or output: on the GPU, and pinned on the host where copies are to go through it."""

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from workbench.backends.gpu.cuda import Cuda

PLAIN_ALLOCATION = 0


class TensorMemory:
    """Grows when a shape needs more, and then has another address; `stream` orders all copies."""

    def __init__(self, cuda: Cuda, stream: Any, dtype: DTypeLike, *, pinned: bool) -> None:
        self._cuda, self._stream, self._dtype, self._pinned = cuda, stream, np.dtype(dtype), pinned
        self._capacity = 0
        self._host: Any = None
        self.address = 0

    def reserve(self, shape: tuple[int, ...]) -> None:
        """Hold enough for a shape."""
        needed = bytes_of(shape, self._dtype)
        if needed <= self._capacity:
            return
        self.free()
        self.address = int(self._cuda("cudaMalloc", needed))
        if self._pinned:
            self._host = self._cuda("cudaHostAlloc", needed, PLAIN_ALLOCATION)
        self._capacity = needed

    def send(self, value: NDArray[Any]) -> None:
        """Start the copy of a C-contiguous array to the GPU; it must live until the stream is done."""
        if self._pinned:
            staged = self._view(value.shape)
            np.copyto(staged, value)
            value = staged
        self._cuda("cudaMemcpyAsync", self.address, value.ctypes.data, value.nbytes, self._cuda.to_device, self._stream)

    def fetch(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Start the copy to the host; the array is whole when the stream is done, and in pinned memory the next run's as well."""
        value = self._view(shape) if self._pinned else np.empty(shape, self._dtype)
        self._cuda("cudaMemcpyAsync", value.ctypes.data, self.address, value.nbytes, self._cuda.to_host, self._stream)
        return value

    def free(self) -> None:
        """Give the memory back."""
        if self.address:
            self._cuda.free("cudaFree", self.address)
        if self._host is not None:
            self._cuda.free("cudaFreeHost", self._host)
        self.address, self._host, self._capacity = 0, None, 0

    def _view(self, shape: tuple[int, ...]) -> NDArray[Any]:
        return view_of(int(self._host), shape, self._dtype)


def bytes_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes that a tensor takes; at least one, since an empty allocation has no address."""
    return max(1, math.prod(shape) * dtype.itemsize)


def view_of(address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array over memory that somebody else owns."""
    raw = (ctypes.c_ubyte * bytes_of(shape, dtype)).from_address(address)
    return np.frombuffer(memoryview(raw), dtype, count=math.prod(shape)).reshape(shape)
