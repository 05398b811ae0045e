"""TensorRT's dialect, rule by rule: int8 around 0, and no pair that no INT8 kernel reads."""

import numpy as np
import onnx
import pytest

from workbench.errors import UnsupportedError
from workbench.lowering.half import to_half

BOUND_DB = 22.0
READERS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "AveragePool", "GlobalAveragePool"}


def lower(lowering, network, *outputs, **options):
    return lowering(network, *outputs, backend="tensorrt", **options)


def kinds(found):
    return [node.op_type for node in found.model.graph.node]


def stored(model):
    return {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}


def test_everything_stored_for_pairs_is_symmetric_int8_when_lowered(lowering, network):
    found = lower(lowering, network, network.conv(network.add("Relu", network.conv("x"))))
    nodes = [node for node in found.model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert len(nodes) == 6
    for node in nodes:
        zero_point = found.constants[node.input[2]]
        assert zero_point.dtype == np.int8
        assert not zero_point.any()
        assert zero_point.shape == found.constants[node.input[1]].shape


def test_weight_is_stored_in_int8_per_channel_and_bias_in_fp32_when_quantized(lowering, network):
    found = lower(lowering, network, network.conv("x", channels=6))
    makers = {name: node for node in found.model.graph.node for name in node.output}
    (conv,) = (node for node in found.model.graph.node if node.op_type == "Conv")
    weight = makers[conv.input[1]]
    values, scale = (found.constants[name] for name in weight.input[:2])
    assert (weight.op_type, values.dtype, scale.shape) == ("DequantizeLinear", np.int8, (6,))
    assert found.constants[conv.input[2]].dtype == np.float32


@pytest.mark.parametrize("activation", ["Relu", "LeakyRelu", "HardSwish"])
def test_no_pair_stands_between_product_and_activation_when_one_follows(lowering, network, activation):
    first = network.conv("x")
    behind = network.add(activation, first, name="behind")
    found = lower(lowering, network, network.conv(behind))
    assert found.pairs == {"x", "behind"}
    assert found.placement.unknown_operators == ()
    assert found.sqnr > BOUND_DB


def test_heads_write_float_when_nothing_behind_reads_int8(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lower(lowering, network, network.add("Sigmoid", network.conv(trunk)), network.add("Tanh", trunk))
    assert found.pairs == {"x", "trunk"}
    assert found.reads_pair("trunk") == ["Conv"]
    assert found.placement.float_operators == ()


def test_max_pool_has_a_pair_behind_only_when_a_convolution_reads_it(lowering, network):
    relu = network.add("Relu", network.conv("x"))
    pool = network.add("MaxPool", relu, kernel_shape=[2, 2], strides=[2, 2], name="pool")
    assert lower(lowering, network, network.conv(pool)).pairs == {"x", "pool"}


def test_average_reads_int8_when_a_quantized_product_lies_behind(lowering, network):
    relu = network.add("Relu", network.conv("x"), name="relu")
    flat = network.add("Flatten", network.add("GlobalAveragePool", relu), name="flat")
    found = lower(lowering, network, network.add("Gemm", flat, network.weight(8, 4)))
    assert found.pairs == {"x", "relu", "flat"}
    assert found.sqnr > BOUND_DB


def test_average_reads_float_when_only_outputs_lie_behind(lowering, network):
    found = lower(lowering, network, network.add("GlobalAveragePool", network.add("Relu", network.conv("x"))))
    assert found.pairs == {"x"}


def test_sum_reads_only_the_skip_in_int8_when_a_convolution_adds_it(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    branch = network.conv(network.add("Relu", network.conv(trunk), name="inner"))
    total = network.add("Relu", network.add("Add", trunk, branch), name="total")
    found = lower(lowering, network, network.conv(total))
    assert found.pairs == {"x", "trunk", "inner", "total"}
    assert found.reads_pair("trunk") == ["Add", "Conv"]
    assert found.sqnr > BOUND_DB


@pytest.mark.parametrize("swapped", [True, False])
def test_shorter_branch_is_the_skip_when_both_are_convolutions(lowering, network, swapped):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    short = network.conv(trunk, kernel=1)
    deep = network.conv(network.add("Relu", network.conv(trunk)))
    total = network.add("Add", *((deep, short) if swapped else (short, deep)))
    found = lower(lowering, network, network.conv(total))
    assert short in found.pairs
    assert deep not in found.pairs


def test_sum_reads_float_when_no_quantized_convolution_adds_it(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    other = network.add("Sigmoid", network.conv(trunk), name="other")
    found = lower(lowering, network, network.conv(network.add("Add", trunk, other), kernel=1))
    assert found.reads_pair("trunk") == ["Conv"]
    assert "other" not in found.pairs


def test_sum_reads_float_when_nothing_behind_is_quantized(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lower(lowering, network, network.add("Add", trunk, network.conv(trunk)))
    assert found.reads_pair("trunk") == ["Conv"]


@pytest.mark.parametrize("kind", ["matmul", "gemm"])
def test_fully_connected_layer_is_quantized_when_its_weight_is_stored(lowering, network, kind):
    found = lower(lowering, network, lowering.grow(network, ["relu"], kind))
    assert found.placement.float_operators == ()
    assert found.sqnr > BOUND_DB


def test_transposed_convolution_stays_in_float_only_when_it_has_groups(lowering, network):
    whole = network.add("ConvTranspose", "x", network.weight(8, 4, 2, 2), strides=[2, 2], name="whole")
    grouped = network.add("ConvTranspose", "x", network.weight(8, 2, 2, 2), strides=[2, 2], group=2, name="grouped")
    found = lower(lowering, network, whole, grouped)
    (left,) = found.placement.float_operators
    assert (left.operator, left.count) == ("ConvTranspose", 1)
    assert "groups" in left.reason
    assert found.sqnr > BOUND_DB


@pytest.mark.parametrize(("half", "smallest"), [(False, 1e-8), (True, 1e-5)])
def test_scales_are_clamped_when_channels_are_dead(lowering, network, half, smallest):
    last = network.conv("x")
    weight = network.constants["w0"]
    weight[2:] *= 1e-16
    found = lower(lowering, network, last, half=half)
    (node,) = (n for n in found.model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in found.constants)
    values, scale = (found.constants[name] for name in node.input[:2])
    assert (scale > 0).all()
    assert scale.min() == scale.dtype.type(smallest)
    assert not values[2:].any()
    assert found.sqnr > BOUND_DB


def test_every_pair_is_read_by_an_int8_kernel_when_networks_are_grown(lowering):
    for seed in range(5):
        network = lowering.Network(1, 8, 16, 16, seed=seed)
        steps = list(network.random.choice(lowering.STEPS, 6))
        found = lower(lowering, network, lowering.grow(network, steps, "gemm"))
        for tensor in found.pairs:
            assert READERS.issuperset(found.reads_pair(tensor)), (steps, tensor)


@pytest.mark.parametrize("head", ["conv", "gemm", "matmul"])
def test_loss_is_that_of_int8_when_the_rest_is_fp16(lowering, head):
    steps = ["relu", "residual", "max_pool", "leaky_relu", "concat", "linear", "clip"]
    whole, half = (
        lower(lowering, network, lowering.grow(network, steps, head), half=half)
        for half in (False, True)
        for network in [lowering.Network(1, 8, 16, 16, seed=3)]
    )
    assert whole.sqnr > BOUND_DB - 4
    assert abs(whole.sqnr - half.sqnr) < 1.0


def test_only_the_ends_and_quantizers_of_inputs_are_fp32_when_halved(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lower(lowering, network, network.conv(trunk), network.add("Tanh", "x"), half=True)
    onnx.checker.check_model(found.model, full_check=True)
    fp32 = {name for name, value in found.constants.items() if value.dtype == np.float32}
    assert fp32 == {"x.scale"}
    assert kinds(found).count("Cast") == 3  # the input for Tanh, and both outputs
    types = {value.type.tensor_type.elem_type for value in (*found.model.graph.input, *found.model.graph.output)}
    assert types == {onnx.TensorProto.FLOAT}


def test_input_is_dequantized_with_the_scale_it_was_quantized_with_when_halved(lowering, network):
    found = lower(lowering, network, network.conv("x"), half=True)
    assert float(found.constants["x.scale"]) == float(found.constants["x.scale.half"])


def test_float_network_computes_in_fp16_when_halved(lowering, network):
    model = network.model(lowering.grow(network, ["relu", "nearest", "average_pool"], "gemm"))
    samples = network.samples()
    halved = to_half(lowering.copy_of(model))
    onnx.checker.check_model(halved, full_check=True)
    loss = lowering.decibels(lowering.run(model, *samples), lowering.run(halved, *samples, plain=True))
    assert 50 < loss < 100


def test_halving_is_unsupported_when_an_operator_is_fp32_only(network):
    network.constant(np.zeros((1, 4, 4), np.float32), "boxes")
    network.constant(np.zeros((1, 1, 4), np.float32), "scores")
    model = network.model(network.conv("x"))
    model.graph.node.append(
        onnx.helper.make_node("NonMaxSuppression", ["boxes", "scores"], ["kept"], name="suppression")
    )
    with pytest.raises(UnsupportedError, match="NonMaxSuppression 'suppression' computes in FP32 only"):
        to_half(model)


def test_epsilon_keeps_a_divisor_from_zero_when_it_is_below_fp16(lowering, network):
    even = network.add("Sub", "x", "x")
    last = network.add("Div", even, network.add("Add", even, network.constant(np.float32(1e-12), "epsilon")))
    halved = to_half(network.model(last))
    assert stored(halved)["epsilon.half"] > 0
    assert not lowering.run(halved, *network.samples(1), plain=True)[0].any()


def test_limit_stays_a_limit_when_it_is_beyond_fp16(lowering, network):
    limits = [network.constant(np.float32(value), f"limit{value}") for value in (-1e9, 1e9)]
    halved = to_half(network.model(network.add("Clip", "x", *limits)))
    assert [float(stored(halved)[f"{name}.half"]) for name in limits] == [-65504, 65504]
    assert np.isfinite(lowering.run(halved, *network.samples(1), plain=True)[0]).all()


def test_weights_become_zero_when_they_are_too_small_for_fp16(network):
    last = network.conv("x")
    network.constants["w0"][:] = 1e-17
    assert not stored(to_half(network.model(last)))["w0.half"].any()


def test_halving_is_unsupported_when_a_weight_is_beyond_fp16(network):
    last = network.conv("x")
    network.constants["w0"][0, 0, 0, 0] = 1e5
    with pytest.raises(UnsupportedError, match="weight 'w0' has values beyond 65504, the largest of FP16"):
        to_half(network.model(last))
