"""ONNX Runtime's dialect, rule by rule: the kernels that its optimizer makes of the pairs, and how near the result is."""

import numpy as np
import pytest

BOUND_DB = 25.0


def test_convolutions_run_in_int8_when_relu_stands_behind(lowering, network):
    last = network.conv(network.add("Relu", network.conv("x"), name="relu"))
    found = lowering(network, network.add("Sigmoid", network.conv(network.add("Relu", last))))
    kernels = found.kernels()
    assert kernels["QLinearConv"] == 2
    assert (kernels["Conv"], kernels["Relu"]) == (1, 0)
    assert found.pairs >= {"x", "relu"}
    assert found.sqnr > BOUND_DB


def test_no_pair_stands_between_convolution_and_activation_when_both_fuse(lowering, network):
    first = network.conv("x")
    clip = network.add("Clip", first, network.constant(np.float32(0)), network.constant(np.float32(1)), name="clip")
    found = lowering(network, network.conv(network.add("Relu", network.conv(clip))))
    assert first not in found.pairs
    scale, zero_point = found.parameters("clip")
    assert zero_point == 0
    assert np.float32(scale) * np.float32(255) <= 1
    assert found.kernels()["Clip"] == 0


def test_quantizer_is_unsigned_from_zero_when_values_are_never_negative(lowering, network):
    relu = network.add("Relu", network.conv("x"), name="relu")
    pool = network.add("MaxPool", relu, kernel_shape=[2, 2], strides=[2, 2], name="pool")
    found = lowering(network, network.conv(network.conv(pool)))
    assert found.parameters("relu") == found.parameters("pool")
    assert found.parameters("relu")[1] == 0
    assert 100 < found.parameters("x")[1] < 156
    kernels = found.kernels()
    assert kernels["QLinearConv"] == 2
    assert kernels["DequantizeLinear"] == 1  # what the last convolution, a head, reads


def test_leaky_relu_is_a_table_when_pairs_stand_on_both_sides(lowering, network):
    first = network.conv("x")
    leaky = network.add("LeakyRelu", first, alpha=0.1, name="leaky")
    found = lowering(network, network.conv(network.add("Relu", network.conv(leaky))))
    assert {first, "leaky"} <= found.pairs
    kernels = found.kernels()
    assert (kernels["QLinearLeakyRelu"], kernels["LeakyRelu"], kernels["QLinearConv"]) == (1, 0, 2)
    assert found.sqnr > BOUND_DB


@pytest.mark.parametrize("relu", [True, False])
def test_residual_sum_runs_in_int8_when_both_sides_are_quantized(lowering, network, relu):
    trunk = network.add("Relu", network.conv("x"))
    branch = network.conv(trunk)
    total = network.add("Add", trunk, branch, name="sum")
    behind = network.add("Relu", total, name="relu") if relu else total
    found = lowering(network, network.conv(network.add("Relu", network.conv(behind))))
    assert ("sum" in found.pairs) is not relu
    kernels = found.kernels()
    assert (kernels["QLinearAdd"], kernels["Add"], kernels["Relu"]) == (1, 0, 0)
    assert kernels["QLinearConv"] == 3
    assert found.sqnr > BOUND_DB - 3


def test_product_runs_in_int8_when_both_sides_are_quantized(lowering, network):
    trunk = network.add("Relu", network.conv("x"))
    gate = network.add("HardSigmoid", network.conv(network.add("GlobalAveragePool", trunk), kernel=1), name="gate")
    found = lowering(network, network.conv(network.conv(network.add("Mul", trunk, gate))))
    kernels = found.kernels()
    assert (kernels["QLinearMul"], kernels["Mul"], kernels["QLinearGlobalAveragePool"]) == (1, 0, 1)
    assert kernels["QLinearConv"] == 3
    assert found.placement.unknown_operators == ("HardSigmoid",)
    assert found.sqnr > BOUND_DB - 3


def test_movement_and_concat_share_one_scale_when_they_form_a_chain(lowering, network):
    left = network.add("LeakyRelu", network.conv("x"), alpha=0.1, name="left")
    right = network.add("LeakyRelu", network.conv("x"), alpha=0.1, name="right")
    joined = network.add("Concat", left, right, axis=1, name="joined")
    shape = network.constant(np.array([1, 2, 8, 16, 16], np.int64))
    turned = network.add("Transpose", network.add("Reshape", joined, shape), perm=[0, 2, 1, 3, 4])
    back = network.add("Reshape", turned, network.constant(np.array([1, 16, 16, 16], np.int64)), name="back")
    half = network.add("Split", back, outputs=2, axis=1, name="half")
    found = lowering(network, network.conv(network.conv(half)), network.conv(network.conv("half_1")))
    assert len({found.parameters(name) for name in ("left", "right", "joined", "back", "half_0", "half_1")}) == 1
    kernels = found.kernels()
    assert kernels["QLinearConcat"] == 1
    assert kernels["DequantizeLinear"] == 2  # for the two heads
    assert kernels["QuantizeLinear"] == 1  # of the input
    assert found.sqnr > BOUND_DB - 3


def test_concat_shares_no_scale_when_only_one_side_comes_out_of_relu(lowering, network):
    left = network.add("Relu", network.conv("x"), name="left")
    right = network.add("LeakyRelu", network.conv("x"), alpha=0.1, name="right")
    joined = network.add("Concat", left, right, axis=1, name="joined")
    found = lowering(network, network.conv(network.conv(joined, inputs=16)))
    assert found.parameters("left")[1] == 0 < found.parameters("joined")[1]
    assert found.kernels()["Relu"] == 0


@pytest.mark.parametrize(("mode", "quantizers"), [("nearest", 1), ("linear", 2), ("cubic", 2)])
def test_resize_shares_the_scale_when_it_copies(lowering, network, mode, quantizers):
    first = network.conv("x")
    factors = network.constant(np.array([1, 1, 2, 2], np.float32))
    large = network.add("Resize", first, "", factors, mode=mode, name="large")
    found = lowering(network, network.conv(network.conv(large)))
    assert (found.parameters(first) == found.parameters("large")) == (mode == "nearest")
    kernels = found.kernels()
    assert kernels["QLinearConv"] == 2
    assert kernels["QuantizeLinear"] == quantizers
    assert found.sqnr > BOUND_DB - 3


WINDOW = {"kernel_shape": [2, 2], "strides": [2, 2]}
PADDED = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}


@pytest.mark.parametrize(
    ("kind", "window"),
    [
        ("GlobalAveragePool", {}),
        ("AveragePool", PADDED),  # fewer values are counted at the rim
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),  # fewer at the far rim
        ("AveragePool", WINDOW | {"auto_pad": "SAME_UPPER"}),
        ("AveragePool", {"kernel_shape": [16, 16]}),
    ],
)
def test_average_runs_in_int8_when_pairs_stand_on_both_sides(lowering, network, kind, window):
    pool = network.add(kind, network.add("Relu", network.conv("x")), **window)
    found = lowering(network, network.conv(network.conv(pool, kernel=1), kernel=1))
    assert found.kernels()[f"QLinear{kind}"] == 1
    assert found.sqnr > BOUND_DB - 3


@pytest.mark.parametrize(
    "window",
    [
        WINDOW,
        WINDOW | {"ceil_mode": 1},  # nothing is left over: ResNet50_vd
        PADDED | {"count_include_pad": 1},
        {"kernel_shape": [8, 8], "strides": [8, 8]},
        {"kernel_shape": [3, 1]},
    ],
)
def test_average_is_a_convolution_when_every_place_counts_as_many_values(lowering, network, window):
    pool = network.add("AveragePool", network.add("Relu", network.conv("x")), **window)
    found = lowering(network, network.conv(network.conv(pool, kernel=1), kernel=1))
    kernels = found.kernels()
    assert (kernels["QLinearConv"], kernels["QLinearAveragePool"], kernels["AveragePool"]) == (3, 0, 0)
    assert found.sqnr > BOUND_DB - 3


def test_average_shares_its_scale_in_a_concatenation_when_it_becomes_a_convolution(lowering, network):
    first, second = (network.add("Relu", network.conv("x")) for _ in range(2))
    left, right = network.add("AveragePool", first, **WINDOW), network.add("MaxPool", second, **WINDOW)
    found = lowering(network, network.conv(network.conv(network.add("Concat", left, right, axis=1), inputs=16)))
    assert found.kernels()["QLinearAveragePool"] == 0
    assert found.parameters(left) == found.parameters(right)
    assert found.parameters(left)[1] == 0


def test_average_stays_a_pooling_when_only_outputs_lie_behind(lowering, network):
    pool = network.add("AveragePool", network.add("Relu", network.conv("x")), **WINDOW)
    assert lowering(network, network.add("Sigmoid", pool)).kernels()["AveragePool"] == 1


@pytest.mark.parametrize("transposed", [False, True])
def test_gemm_writes_float_in_int8_when_it_is_the_last(lowering, network, transposed):
    flat = network.add("Flatten", network.add("GlobalAveragePool", network.add("Relu", network.conv("x"))))
    weight = network.weight(*((5, 8) if transposed else (8, 5)), name="w")
    bias = network.constant(np.linspace(-1, 1, 5, dtype=np.float32))
    found = lowering(network, network.add("Softmax", network.add("Gemm", flat, weight, bias, transB=int(transposed))))
    assert found.kernels()["QGemm"] == 1
    assert found.kernels()["Gemm"] == 0
    assert found.sqnr > BOUND_DB


def test_matmul_runs_in_int8_when_its_weight_is_stored(lowering):
    network = lowering.Network(1, 6, 8)
    hidden = network.add("Relu", network.add("MatMul", "x", network.weight(8, 12)))
    found = lowering(network, network.add("MatMul", hidden, network.weight(12, 4)))
    kernels = found.kernels()
    assert kernels["MatMul"] == 0
    assert sum(count for kind, count in kernels.items() if kind in ("QLinearMatMul", "MatMulIntegerToFloat")) == 2
    assert found.sqnr > BOUND_DB


def test_head_keeps_its_float_weight_when_it_runs_in_float_anyway(lowering, network):
    head = network.conv(network.add("Relu", network.conv("x"), name="relu"))
    found = lowering(network, network.add("Sigmoid", head))
    weight = found.before.graph.node[2].input[1]
    assert weight in {value.name for value in found.model.graph.initializer}
    assert "sigmoid3" not in found.pairs
    (left,) = found.placement.float_operators
    assert (left.operator, left.count, left.reason) == ("Conv", 1, "part of an output head")


def test_convolution_keeps_running_in_int8_when_its_activation_has_no_kernel(lowering, network):
    first = network.conv("x")
    found = lowering(network, network.conv(network.conv(network.add("HardSwish", first))))
    assert first in found.pairs
    assert found.kernels()["QLinearConv"] == 2
    assert found.placement.unknown_operators == ("HardSwish",)
    assert found.sqnr > BOUND_DB - 3


def test_transposed_convolution_stays_in_float_when_there_is_no_kernel(lowering, network):
    up = network.add("ConvTranspose", network.conv("x"), network.weight(8, 8, 2, 2), strides=[2, 2])
    found = lowering(network, network.conv(network.conv(up)))
    assert found.kernels()["QLinearConv"] == 2
    reasons = {left.operator: left.reason for left in found.placement.float_operators}
    assert reasons["ConvTranspose"] == "ONNX Runtime has no INT8 kernel for it on CPU"


def test_every_reader_takes_the_pair_when_one_of_them_is_in_float(lowering, network):
    trunk = network.add("Relu", network.conv("x"), name="trunk")
    found = lowering(network, network.conv(network.conv(trunk)), network.add("Tanh", trunk, name="side"))
    assert found.reads_pair("trunk") == ["Conv", "Tanh"]
    assert found.kernels()["QLinearConv"] == 2


def test_gated_activation_runs_in_int8_when_its_product_is_quantized(lowering, network):
    first = network.conv("x")
    gated = network.add("Mul", first, network.add("Sigmoid", first))
    found = lowering(network, network.conv(network.conv(gated)))
    kernels = found.kernels()
    assert (kernels["QLinearSigmoid"], kernels["QLinearMul"], kernels["QLinearConv"]) == (1, 1, 2)
    assert found.sqnr > BOUND_DB - 3


def test_gated_activation_runs_in_int8_when_its_sigmoid_has_no_range_of_its_own(lowering, network):
    first = network.conv("x")
    gated = network.add("Mul", first, network.add("Sigmoid", first, name="gate"))
    found = lowering(network, network.conv(network.conv(gated)), without=("gate",))
    kernels = found.kernels()
    assert (kernels["QLinearSigmoid"], kernels["QLinearMul"], kernels["QLinearConv"]) == (1, 1, 2)
    assert found.parameters("gate") == (pytest.approx(1 / 255), 0)
    assert found.sqnr > BOUND_DB - 3
