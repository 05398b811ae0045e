"""Weights and biases in integers: axis and scale per operator, ranges that quantization chose, channels of nearly no weight."""

import numpy as np
import pytest
from onnx import helper

from workbench.lowering.weights import channel_axis, quantize_bias, quantize_weight
from workbench.models.scales import WeightRange

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "attributes", "axis"),
    [("Conv", {}, 0), ("ConvTranspose", {}, 1), ("MatMul", {}, 1), ("Gemm", {}, 1), ("Gemm", {"transB": 1}, 0)],
)
def test_channel_axis_is_that_of_the_output_channels_when_asked(kind, attributes, axis):
    assert channel_axis(helper.make_node(kind, ["x", "w"], ["y"], **attributes)) == axis


@pytest.mark.parametrize("axis", [0, 1])
def test_weight_is_within_half_a_step_when_dequantized(axis):
    weight = (RANDOM.normal(size=(4, 6, 3, 3)) * RANDOM.uniform(0.01, 10, size=(4, 6, 1, 1))).astype(np.float32)
    made = quantize_weight(weight, axis)
    shape = [1] * 4
    shape[axis] = -1
    scale = made.scale.reshape(shape)
    assert made.values.dtype == np.int8
    assert made.values.min() >= -127
    assert (np.abs(made.values * scale - weight) <= scale * 0.501).all()
    assert np.abs(made.values).max() == 127


def test_known_absmax_is_used_when_its_channels_are_the_weights():
    weight = RANDOM.normal(size=(2, 5)).astype(np.float32)
    made = quantize_weight(weight, 0, known=WeightRange(axis=0, absmax=(1.27, 2.54)))
    np.testing.assert_allclose(made.scale, [0.01, 0.02], rtol=1e-6)
    other = quantize_weight(weight, 0, known=WeightRange(axis=0, absmax=(1.0, 1.0, 1.0)))
    np.testing.assert_allclose(other.scale * 127, np.abs(weight).max(axis=1), rtol=1e-6)


def test_bias_keeps_its_value_when_the_channel_has_nearly_no_weight():
    weight = np.array([[1.0], [1e-12], [0.0]], np.float32)
    bias = np.array([0.5, 3.0, -2.0], np.float32)
    made = quantize_weight(weight, 0, bias=bias, input_scale=1e-3)
    scale = made.scale * np.float32(1e-3)
    np.testing.assert_allclose(quantize_bias(bias, scale) * scale.astype(np.float64), bias, rtol=1e-4)
    assert made.scale[0] == pytest.approx(1 / 127)
