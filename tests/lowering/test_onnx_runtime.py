"""ONNX Runtime's dialect, rule by rule, on a chain as paddle2onnx writes it: conv, relu, conv, each with Q/DQ pairs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.lowering import onnx_runtime
from workbench.lowering.qdq_graph import QdqGraph

INPUT_SCALE, BEFORE_SCALE, AFTER_SCALE, OUTPUT_SCALE = 0.02, 0.2, 0.2, 2.0
RANDOM = np.random.default_rng(0)


def constant(name, value):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(value, order="C"), name))


def pair(source, scale):
    """Nodes of an int8 pair around a computed tensor; it is read as `<source>_dq`."""
    parameters = [f"{source}_s", f"{source}_z"]
    return [
        constant(parameters[0], np.float32(scale)),
        constant(parameters[1], np.int8(0)),
        helper.make_node("QuantizeLinear", [source, *parameters], [f"{source}_q"]),
        helper.make_node("DequantizeLinear", [f"{source}_q", *parameters], [f"{source}_dq"]),
    ]


def convolution(name, source, *, input_scale, channels=8):
    weight = RANDOM.normal(size=(channels, channels, 3, 3)).astype(np.float32)
    scale = (np.abs(weight).max(axis=(1, 2, 3)) / 127).astype(np.float32)
    bias_scale = (scale * input_scale).astype(np.float32)
    bias = np.rint(RANDOM.normal(size=channels) / bias_scale).astype(np.int32)
    return [
        constant(f"{name}_w", weight),
        constant(f"{name}_ws", scale),
        constant(f"{name}_wz", np.zeros(channels, np.int8)),
        helper.make_node("QuantizeLinear", [f"{name}_w", f"{name}_ws", f"{name}_wz"], [f"{name}_wq"], axis=0),
        helper.make_node("DequantizeLinear", [f"{name}_wq", f"{name}_ws", f"{name}_wz"], [f"{name}_wd"], axis=0),
        constant(f"{name}_b", bias),
        constant(f"{name}_bs", bias_scale),
        constant(f"{name}_bz", np.zeros(channels, np.int32)),
        helper.make_node("DequantizeLinear", [f"{name}_b", f"{name}_bs", f"{name}_bz"], [f"{name}_bd"], axis=0),
        helper.make_node("Conv", [source, f"{name}_wd", f"{name}_bd"], [name], pads=[1, 1, 1, 1]),
    ]


@pytest.fixture
def model():
    shape = [1, 8, 16, 16]
    nodes = [
        *pair("x", INPUT_SCALE),
        *convolution("first", "x_dq", input_scale=INPUT_SCALE),
        *pair("first", BEFORE_SCALE),
        helper.make_node("Relu", ["first_dq"], ["relu"]),
        *pair("relu", AFTER_SCALE),
        *convolution("second", "relu_dq", input_scale=AFTER_SCALE),
        *pair("second", OUTPUT_SCALE),
    ]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("second_dq", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, x, *, optimized=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if optimized is None:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    else:
        options.optimized_model_filepath = str(optimized)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x})[0]


def pairs_by_source(graph):
    return {pair.source: pair for pair in graph.activation_pairs()}


def parameters(graph, pair):
    scale, zero_point = (graph.constants[name] for name in pair.quantize.input[1:])
    return float(scale), int(zero_point), zero_point.dtype


@pytest.fixture
def x():
    return RANDOM.uniform(-2, 2, (1, 8, 16, 16)).astype(np.float32)


def test_store_weights_keeps_the_result_when_weights_become_int8(model, x):
    before = run(model, x)
    graph = QdqGraph(model)
    onnx_runtime.store_weights_as_int8(graph)
    lowered = graph.to_model()
    np.testing.assert_array_equal(run(lowered, x), before)
    stored = {i.data_type for i in lowered.graph.initializer if list(i.dims) == [8, 8, 3, 3]}
    assert stored == {TensorProto.INT8}


def test_no_pair_stands_before_relu_when_the_rule_was_applied(model):
    graph = QdqGraph(model)
    onnx_runtime.leave_no_pair_before_relu(graph)
    relu = next(node for node in graph.nodes if node.op_type == "Relu")
    assert list(relu.input) == ["first"]


def test_pair_before_relu_stays_when_another_operator_reads_it_too(model):
    model.graph.node.append(helper.make_node("Identity", ["first_dq"], ["also"]))
    model.graph.output.append(helper.make_tensor_value_info("also", TensorProto.FLOAT, [1, 8, 16, 16]))
    graph = QdqGraph(model)
    onnx_runtime.leave_no_pair_before_relu(graph)
    relu = next(node for node in graph.nodes if node.op_type == "Relu")
    assert list(relu.input) == ["first_dq"]


def test_relu_output_gets_the_whole_unsigned_range_when_it_was_symmetric(model):
    graph = QdqGraph(model)
    onnx_runtime.use_the_whole_unsigned_range_after_relu(graph)
    found = pairs_by_source(graph)
    scale, zero_point, dtype = parameters(graph, found["relu"])
    assert scale == pytest.approx(AFTER_SCALE * 127 / 255)
    assert (zero_point, dtype) == (0, np.uint8)
    assert parameters(graph, found["x"])[2] == np.int8


@pytest.mark.parametrize(("lowest", "unsigned"), [(0.0, True), (-1.0, False)])
def test_clip_counts_as_never_negative_only_when_its_lowest_value_is_not(model, lowest, unsigned):
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type = "Clip"
            node.input.extend(["low"])
    model.graph.node.insert(0, constant("low", np.float32(lowest)))
    graph = QdqGraph(model)
    onnx_runtime.use_the_whole_unsigned_range_after_relu(graph)
    assert (parameters(graph, pairs_by_source(graph)["relu"])[2] == np.uint8) == unsigned


def test_other_activations_keep_their_numbers_when_they_become_unsigned(model, x):
    before = run(model, x)
    graph = QdqGraph(model)
    onnx_runtime.make_other_activations_unsigned(graph)
    assert {parameters(graph, pair)[1:] for pair in graph.activation_pairs()} == {(128, np.dtype(np.uint8))}
    np.testing.assert_allclose(run(graph.to_model(), x), before, atol=1e-5)


def test_biases_keep_their_values_when_the_input_scale_changed(model):
    graph = QdqGraph(model)
    bias = graph.constants["second_b"] * graph.constants["second_bs"]
    onnx_runtime.use_the_whole_unsigned_range_after_relu(graph)
    onnx_runtime.quantize_biases_to_match(graph)
    node = next(node for node in graph.nodes if node.output[0] == "second_bd")
    scale = graph.constants[node.input[1]]
    np.testing.assert_allclose(scale, graph.constants["second_ws"] * AFTER_SCALE * 127 / 255, rtol=1e-5)
    np.testing.assert_allclose(graph.constants[node.input[0]] * scale, bias, atol=scale.max())


def test_lowered_model_runs_every_convolution_in_int8_when_optimized(model, x, tmp_path):
    before = run(model, x)
    lowered = onnx_runtime.lower(model)
    after = run(lowered, x, optimized=tmp_path / "optimized.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert kinds.count("QLinearConv") == 2
    assert "Conv" not in kinds
    noise = ((after - before) ** 2).sum() / (before**2).sum()
    assert 10 * np.log10(1 / noise) > 25


def test_lowered_scales_are_scalars_when_written(model):
    lowered = onnx_runtime.lower(model)
    shapes = {i.name: list(i.dims) for i in lowered.graph.initializer}
    quantizers = [node for node in lowered.graph.node if node.op_type == "QuantizeLinear"]
    assert quantizers
    assert all(shapes[name] == [] for node in quantizers for name in node.input[1:])
