"""Property: whatever the network, its lowered form is as near to FP32 as quantizing the inputs of matrix products alone.

The yardstick is what Paddle's INT8 model does: every input of a convolution or matrix product rounded to int8 around 0,
weights to int8 per output channel, all else in float. What Paddle really makes of fewer networks: test_against_paddle.py.
"""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from workbench.lowering.weights import channel_axis, quantize_weight

EXAMPLES = 50
MATRIX = ("Conv", "Gemm", "MatMul")
BACKENDS = [
    "onnxruntime",
    "tensorrt",
    pytest.param(
        "openvino", marks=pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
    ),
]


def paddle_like(model, ranges):
    """The same network with int8 rounding around 0 at the inputs of matrix products, and on their weights."""
    weights = {value.name: value for value in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type in MATRIX:
            source, name = node.input[:2]
            made = quantize_weight(numpy_helper.to_array(weights[name]), channel_axis(node))
            shape = [1] * made.values.ndim
            shape[made.axis] = -1
            weights[name].CopyFrom(numpy_helper.from_array(made.values * made.scale.reshape(shape), name))
            label = f"{node.output[0]}.input"
            scale = np.float32(max(np.abs(ranges[source]).max(), 1e-6) / 127)
            model.graph.initializer.append(numpy_helper.from_array(scale.reshape(()), f"{label}.scale"))
            model.graph.initializer.append(numpy_helper.from_array(np.int8(0).reshape(()), f"{label}.zero"))
            numbers = [f"{label}.scale", f"{label}.zero"]
            nodes += [
                helper.make_node("QuantizeLinear", [source, *numbers], [f"{label}.q"]),
                helper.make_node("DequantizeLinear", [f"{label}.q", *numbers], [label]),
            ]
            node.input[0] = label
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


@pytest.mark.parametrize("backend", BACKENDS)
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_lowered_network_is_as_near_as_paddles_int8_when_grown_from_any_steps(lowering, backend, data, seed):
    steps = data.draw(st.lists(st.sampled_from(lowering.STEPS), min_size=1, max_size=8), label="steps")
    head = data.draw(st.sampled_from(lowering.HEADS), label="head")
    network = lowering.Network(1, 8, 16, 16, seed=seed)
    found = lowering(network, lowering.grow(network, steps, head), backend=backend)
    ranges = lowering.measured_ranges(found.before, found.samples)
    yardstick = paddle_like(lowering.copy_of(found.before), ranges)
    signal, simulated = (lowering.run(model, *found.samples, plain=True) for model in (found.before, yardstick))
    assert found.sqnr >= min(lowering.decibels(signal, simulated) - lowering.ALLOWED_LOSS_DB, lowering.PLENTY_DB)
