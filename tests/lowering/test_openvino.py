"""OpenVINO's dialect, rule by rule: pairs in front of matrix products and residual sums, and nowhere else."""

import numpy as np

BOUND_DB = 25.0


def lower(lowering, network, *outputs, **options):
    return lowering(network, *outputs, backend="openvino", **options)


def test_pairs_stand_behind_the_activation_when_it_fuses(lowering, network):
    first = network.conv("x")
    leaky = network.add("LeakyRelu", first, alpha=0.1, name="leaky")
    found = lower(lowering, network, network.conv(leaky))
    assert found.pairs == {"x", "leaky"}
    assert found.placement.float_operators == ()
    assert found.sqnr > BOUND_DB


def test_other_readers_read_float_when_a_convolution_reads_the_pair(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lower(lowering, network, network.conv(trunk), network.add("Tanh", trunk))
    assert found.reads_pair("trunk") == ["Conv"]


def test_sum_reads_pairs_when_a_convolution_lies_behind(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    branch = network.conv(trunk)
    total = network.add("Relu", network.add("Add", trunk, branch))
    found = lower(lowering, network, network.conv(total))
    assert found.reads_pair(branch) == ["Add"]
    assert found.reads_pair("trunk") == ["Add", "Conv"]
    assert found.sqnr > BOUND_DB - 3


def test_sum_reads_float_when_only_outputs_lie_behind(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lower(lowering, network, network.add("Add", trunk, network.conv(trunk)))
    assert found.reads_pair("trunk") == ["Conv"]


def test_movement_carries_no_pair_when_a_convolution_lies_behind(lowering, network):
    left, right = (network.add("Relu", network.conv("x")) for _ in range(2))
    joined = network.add("Concat", left, right, axis=1, name="joined")
    pooled = network.add("MaxPool", joined, kernel_shape=[2, 2], strides=[2, 2], name="pooled")
    found = lower(lowering, network, network.conv(pooled, inputs=16))
    assert found.pairs == {"x", "pooled"}
    assert found.sqnr > BOUND_DB


def test_bias_stays_float_when_the_weight_is_int8(lowering, network):
    found = lower(lowering, network, network.conv("x"))
    (conv,) = (node for node in found.model.graph.node if node.op_type == "Conv")
    stored = {value.name: value.data_type for value in found.model.graph.initializer}
    assert stored[conv.input[2]] == 1
    assert 3 in stored.values()


def test_transposed_convolution_is_quantized_when_its_weight_is_stored(lowering, network):
    bias = network.constant(np.ones(4, np.float32))
    up = network.add("ConvTranspose", "x", network.weight(8, 4, 2, 2), bias, strides=[2, 2])
    found = lower(lowering, network, up)
    assert found.pairs == {"x"}
    assert found.sqnr > BOUND_DB
