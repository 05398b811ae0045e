"""Stands for NVIDIA's CUDA runtime: memory of the host in the place of the GPU's, and streams that do nothing until they are waited for."""

import ctypes
from collections.abc import Callable
from enum import IntEnum
from itertools import count
from typing import Any

from fake_gpu import STATE


class cudaError_t(IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorIllegalAddress = 700


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaStreamCaptureMode(IntEnum):
    cudaStreamCaptureModeRelaxed = 2


TEXTS = {1: b"invalid argument", 2: b"out of memory", 700: b"an illegal memory access was encountered"}
Work = Callable[[], None]
held: dict[int, Any] = {}
"""What was allocated or made, and not given back, by its address or handle."""

_handles = count(1)
_waiting: dict[int, list[Work]] = {}
_capturing: dict[int, list[Work]] = {}


def start(stream: int, work: Work) -> None:
    """Put work on a stream; into the recording where one is being made."""
    _capturing.get(stream, _waiting[stream]).append(work)


def _answer(*values: Any) -> tuple[Any, ...]:
    """Success, and values; after a fault that does not go away, that fault, as CUDA has it."""
    if STATE["broken"]:
        return (cudaError_t.cudaErrorIllegalAddress, *(None for _ in values))
    return (cudaError_t.cudaSuccess, *values)


def _handle(what: Any) -> int:
    number = next(_handles)
    held[number] = what
    return number


def _give_back(handle: int) -> tuple[Any, ...]:
    return _answer() if held.pop(int(handle), None) is not None else (cudaError_t.cudaErrorInvalidValue,)


def _allocate(size: int) -> int:
    memory = ctypes.create_string_buffer(b"\xa5" * size, size)
    held[ctypes.addressof(memory)] = memory
    return ctypes.addressof(memory)


def cudaSetDevice(device: int) -> tuple[Any, ...]:
    return _answer()


def cudaGetErrorString(error: cudaError_t) -> tuple[Any, ...]:
    return cudaError_t.cudaSuccess, TEXTS[int(error)]


def cudaMemGetInfo() -> tuple[Any, ...]:
    return _answer(STATE["free"], 16_000_000_000)


def cudaMalloc(size: int) -> tuple[Any, ...]:
    if size > STATE["free"]:
        return cudaError_t.cudaErrorMemoryAllocation, None
    return _answer(_allocate(size))


def cudaFree(devPtr: int) -> tuple[Any, ...]:
    return _give_back(devPtr)


def cudaHostAlloc(size: int, flags: int) -> tuple[Any, ...]:
    if size > STATE["pinned"]:
        return cudaError_t.cudaErrorMemoryAllocation, None
    return _answer(_allocate(size))


def cudaFreeHost(ptr: int) -> tuple[Any, ...]:
    return _give_back(ptr)


def cudaMemcpyAsync(dst: int, src: int, count: int, kind: cudaMemcpyKind, stream: int) -> tuple[Any, ...]:
    device = dst if kind is cudaMemcpyKind.cudaMemcpyHostToDevice else src
    if len(held[device]) < count:
        return (cudaError_t.cudaErrorInvalidValue,)
    start(stream, lambda: ctypes.memmove(dst, src, count) and None)
    return _answer()


def cudaStreamCreateWithFlags(flags: int) -> tuple[Any, ...]:
    stream = _handle("stream")
    _waiting[stream] = []
    return _answer(stream)


def cudaStreamSynchronize(stream: int) -> tuple[Any, ...]:
    work, _waiting[stream] = _waiting[stream], []
    for one in work:
        one()
    return _answer()


def cudaStreamDestroy(stream: int) -> tuple[Any, ...]:
    return _give_back(stream)


def cudaStreamBeginCapture(stream: int, mode: cudaStreamCaptureMode) -> tuple[Any, ...]:
    _capturing[stream] = []
    return _answer()


def cudaStreamEndCapture(stream: int) -> tuple[Any, ...]:
    return _answer(_handle(_capturing.pop(stream)))


def cudaGraphInstantiate(graph: int, flags: int) -> tuple[Any, ...]:
    return _answer(_handle(held[graph]))


def cudaGraphDestroy(graph: int) -> tuple[Any, ...]:
    return _give_back(graph)


def cudaGraphExecDestroy(graphExec: int) -> tuple[Any, ...]:
    return _give_back(graphExec)


def cudaGraphLaunch(graphExec: int, stream: int) -> tuple[Any, ...]:
    for work in held[graphExec]:
        start(stream, work)
    return _answer()


def cudaEventCreateWithFlags(flags: int) -> tuple[Any, ...]:
    return _answer(_handle({"passed": None}))


def cudaEventRecord(event: int, stream: int) -> tuple[Any, ...]:
    start(stream, lambda: held[event].update(passed=next(_handles)))
    return _answer()


def cudaEventElapsedTime(start: int, end: int) -> tuple[Any, ...]:
    return _answer(float(held[end]["passed"] - held[start]["passed"]))


def cudaEventDestroy(event: int) -> tuple[Any, ...]:
    return _give_back(event)
