"""Simplifying: the same function with fewer operators, and tensor names that still mean the same values."""

from collections import Counter

import numpy as np
import onnx
import pytest

from workbench.lowering.simplify import simplify


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def same_values(lowering, before, after, x):
    """Every tensor of `after` that `before` has too, holds the same."""
    names = [name for node in before.graph.node for name in node.output]
    shared = [name for node in after.graph.node for name in node.output if name in names]
    for model in (before, after):
        del model.graph.output[:]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in shared)
    for name, a, b in zip(shared, lowering.run(before, x), lowering.run(after, x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4, err_msg=name)
    return shared


@pytest.fixture
def exported(network):
    """As paddle2onnx writes it: bias behind Reshape and Add, names on Identity nodes, batch norm, MatMul and Add."""
    conv = network.add("Conv", "x", network.weight(8, 8, 3, 3, name="conv.w"), pads=[1] * 4, name="conv.tmp_0")
    shape = network.constant(np.array([1, 8, 1, 1], np.int64))
    bias = network.add("Reshape", network.constant(np.linspace(-1, 1, 8, dtype=np.float32)), shape)
    named = network.add("Identity", network.add("Add", conv, bias, name="Add.1"), name="conv.tmp_1")
    second = network.add("Conv", network.add("Relu", named, name="relu"), network.weight(8, 8, 1, 1, name="second.w"))
    numbers = [network.constant(network.random.uniform(0.5, 2, 8).astype(np.float32)) for _ in range(4)]
    norm = network.add("BatchNormalization", second, *numbers, name="norm")
    cast = network.add("Identity", norm, name="auto.cast.0")
    flat = network.add("Flatten", network.add("GlobalAveragePool", cast), name="flat")
    product = network.add("MatMul", flat, network.weight(8, 4, name="linear.w"), name="linear.tmp_0")
    total = network.add("Add", product, network.constant(np.ones(4, np.float32)), name="Add.5")
    return network.model(network.add("Identity", total, name="linear.tmp_1"))


def test_biases_and_batch_norms_are_folded_when_they_follow_a_product(lowering, network, exported):
    made = simplify(lowering.copy_of(exported))
    onnx.checker.check_model(made)
    assert kinds(made) == {"Conv": 2, "Relu": 1, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1}
    shared = same_values(lowering, exported, made, network.samples(1)[0])
    assert {"conv.tmp_1", "relu", "norm", "flat", "linear.tmp_1"} <= set(shared)


def test_weights_keep_their_names_when_nothing_was_folded_into_them(lowering, exported):
    made = simplify(lowering.copy_of(exported))
    weights = [node.input[1] for node in made.graph.node if node.op_type in ("Conv", "Gemm")]
    assert weights == ["conv.w", "second.w.folded", "linear.w"]


def test_inputs_outputs_and_opset_stay_when_simplified(lowering, exported):
    made = simplify(lowering.copy_of(exported))
    assert [value.name for value in made.graph.input] == ["x"]
    assert [value.name for value in made.graph.output] == ["linear.tmp_1"]
    assert [(opset.domain, opset.version) for opset in made.opset_import] == [("", 17)]


def test_shapes_become_constant_when_only_the_batch_is_dynamic(lowering):
    network = lowering.Network("n", 8, 16, 16)
    conv = network.conv("x")
    start, one, two = (network.constant(np.array([n], np.int64)) for n in (0, 1, 2))
    channels = network.add("Slice", network.add("Shape", conv), start, two, start)
    sizes = network.add("Concat", channels, network.constant(np.array([32, 48], np.int64)), axis=0)
    large = network.add("Resize", conv, "", "", sizes, mode="linear", name="large")
    batch = network.add("Slice", network.add("Shape", large), start, one, start)
    shape = network.add("Concat", batch, network.constant(np.array([-1], np.int64)), axis=0)
    before = network.model(network.add("Reshape", large, shape))
    made = simplify(lowering.copy_of(before))
    assert kinds(made) == {"Conv": 1, "Resize": 1, "Reshape": 1}
    x = np.concatenate(network.samples(3))
    np.testing.assert_allclose(lowering.run(before, x)[0], lowering.run(made, x)[0], atol=1e-5)


def test_simplified_file_is_the_same_when_made_again(lowering, exported):
    first, second = (simplify(lowering.copy_of(exported)).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_identity_between_input_and_output_stays_when_it_is_all_there_is(lowering, network):
    made = simplify(network.model(network.add("Identity", "x", name="y"), network.add("Relu", "x", name="z")))
    x = network.samples(1)[0]
    np.testing.assert_array_equal(lowering.run(made, x)[0], x)
