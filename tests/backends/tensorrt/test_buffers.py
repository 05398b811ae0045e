"""Sizes of memory, and arrays over memory of others."""

import ctypes

import numpy as np
import pytest

from workbench.backends.tensorrt.buffers import bytes_of, view_of


@pytest.mark.parametrize(
    ("shape", "dtype", "size"), [((2, 3), "float32", 24), ((), "int64", 8), ((0, 4), "float16", 1), ((5,), "bool", 5)]
)
def test_bytes_are_the_tensors_when_it_has_any(shape, dtype, size):
    assert bytes_of(shape, np.dtype(dtype)) == size


def test_view_writes_through_when_the_memory_is_somebody_elses():
    memory = (ctypes.c_float * 6)(*range(6))
    view = view_of(ctypes.addressof(memory), (2, 2), np.dtype("float32"))
    np.copyto(view, np.float32([[9, 8], [7, 6]]))
    assert list(memory) == [9, 8, 7, 6, 4, 5]


def test_view_is_empty_when_the_shape_is():
    memory = (ctypes.c_ubyte * 1)()
    assert view_of(ctypes.addressof(memory), (0, 4), np.dtype("float32")).shape == (0, 4)
