"""A GPU whose memory runs out is told of in one line, by whichever runtime it happens."""

import pytest

from workbench.backends.gpu.faults import device_faults, memory_ran_out
from workbench.errors import DeviceError, UnsupportedError

PADDLE = """

ResourceExhaustedError:

Out of memory error on GPU 0. Cannot allocate 2.197266GB memory on GPU 0, 15.4GB memory has been allocated and available memory is only 236.3MB.

Please check whether there is any other process using GPU 0.
1. If yes, please stop them, or start PaddlePaddle on another GPU.
2. If no, please decrease the batch size of your model.
 (at /paddle/paddle/phi/core/memory/allocation/cuda_allocator.cc:84)"""
ONNX_RUNTIME = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. bfc_arena.cc:376 "
    "Failed to allocate memory for requested buffer of size 4294967296"
)
TENSORRT = "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)"


@pytest.mark.parametrize("said", [PADDLE, ONNX_RUNTIME, TENSORRT])
def test_fault_is_one_line_when_the_gpus_memory_ran_out(said):
    with pytest.raises(DeviceError) as caught, device_faults():
        raise RuntimeError(said)
    text = str(caught.value)
    assert text.startswith("out of GPU memory (")
    assert "lower the batch" in text
    assert "\n" not in text


def test_line_is_the_one_that_counts_when_there_are_many():
    assert memory_ran_out(PADDLE).startswith("Out of memory error on GPU 0. Cannot allocate 2.197266GB")


@pytest.mark.parametrize(
    "error", [ValueError("a shape does not fit"), UnsupportedError("out of memory, says the model's name")]
)
def test_error_passes_as_it_is_when_it_is_about_something_else(error):
    with pytest.raises(type(error)) as caught, device_faults():
        raise error
    assert caught.value is error
