"""The numbers of a quantizer: zero is exact, bounds are kept, shared ranges are the widest."""

import math

import numpy as np
import pytest

from workbench.lowering.graph import Graph
from workbench.lowering.ranges import Interval, Ranges, symmetric, unsigned

FREE = (-math.inf, math.inf)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.1, 5.3), (-7.0, 0.0), (0.0, 3.0), (-1e-3, 2e4)])
def test_zero_is_exact_and_the_ends_are_near_when_the_range_is_asymmetric(low, high):
    made = unsigned(Interval(low, high, max(-low, high)), FREE)
    levels = (np.arange(256) - float(made.zero_point)) * float(made.scale)
    assert 0.0 in levels
    assert abs(levels[0] - low) <= made.scale
    assert abs(levels[-1] - high) <= made.scale


@pytest.mark.parametrize("top", [1.0, 6.0, 0.3, 100.1])
def test_no_level_lies_beyond_the_bounds_when_a_clip_sets_them(top):
    made = unsigned(Interval(-1.0, 200.0, 200.0), (0.0, top))
    assert made.zero_point == 0
    assert made.scale * np.float32(255) <= np.float32(top)


def test_quantizer_is_valid_when_the_tensor_is_always_zero():
    made = unsigned(Interval(0.0, 0.0, 0.0), FREE)
    assert (made.scale, made.zero_point) == (1.0, 0)


def test_scale_is_the_threshold_over_127_when_the_quantizer_is_symmetric():
    made = symmetric(Interval(-1.0, 9.0, 2.54), FREE)
    assert (made.scale, made.zero_point, made.zero_point.dtype) == (np.float32(0.02), 0, np.int8)
    assert symmetric(Interval(-1.0, 200.0, 200.0), (0.0, 1.27)).scale == np.float32(0.01)


def test_shared_range_is_the_widest_when_groups_were_joined(lowering, network):
    graph = Graph(network.model(network.conv("x")))
    scales = lowering.scales_of({"a": (-1, 0.5), "b": (0, 2), "c": (-3, 0), "d": (0, 9)})
    ranges = Ranges(graph, scales, backend="onnxruntime")
    ranges.share(["a", "b"])
    ranges.share(["c", "b"])
    found = ranges.resolve(["a", "b", "c", "d"])
    assert found["a"] == found["b"] == found["c"] == Interval(-3, 2, 3)
    assert found["d"] == Interval(0, 9, 9)
