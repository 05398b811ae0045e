"""Models that others quantized, as ONNX: taken apart and lowered for TensorRT with the ranges that they hold."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from workbench.errors import UnsupportedError
from workbench.lowering.tensorrt import lowered
from workbench.models.model import Format, Manifest, Model

BOUND_DB = 22.0
SAME_DB = 60.0


@pytest.fixture
def lower(tmp_path):
    """Lower a network that others quantized; returns the ONNX network and what its manifest says."""

    def run(network, *, half=False):
        with Model.build(tmp_path / "models") as draft:
            onnx.save(network, str(draft.folder / "model.onnx"))
            draft.manifest = Manifest(
                name="net", method="published", precision="int8", format=Format.ONNX, inputs=(), outputs=()
            )
        made = lowered(draft.model, tmp_path / "models", half=half)
        return onnx.load(str(made.onnx_file)), made.manifest.facts

    return run


class Pairs:
    """Q/DQ pairs written by hand into a growing network."""

    def __init__(self, network):
        self.network = network

    def activation(self, source, scale, zero_point):
        """A pair on an activation; returns what its readers read."""
        parameters = [self.network.constant(np.float32(scale)), self.network.constant(zero_point)]
        stored = self.network.add("QuantizeLinear", source, *parameters)
        return self.network.add("DequantizeLinear", stored, *parameters)

    def weight(self, *shape, dtype=np.int8, axis=0, in_float=False):
        """A stored weight of `dtype`; `in_float`: stored in float, and quantized in the network."""
        values = self.network.random.integers(-127, 128, shape)
        scale = self.network.random.uniform(0.002, 0.01, shape[axis]).astype(np.float32)
        zero_point = np.full(shape[axis], 128 if dtype == np.uint8 else 0, dtype)
        parameters = [self.network.constant(scale), self.network.constant(zero_point)]
        if in_float:
            weight = values * scale.reshape([-1 if number == axis else 1 for number in range(len(shape))])
            stored = self.network.constant(weight.astype(np.float32))
            stored = self.network.add("QuantizeLinear", stored, *parameters, axis=axis)
        else:
            stored = self.network.constant((values + int(zero_point[0])).astype(dtype))
        return self.network.add("DequantizeLinear", stored, *parameters, axis=axis), values, scale

    def bias(self, channels):
        """A stored bias in int32, as ONNX Runtime and paddle2onnx write it."""
        parameters = [
            self.network.constant(self.network.random.integers(-900, 900, channels).astype(np.int32)),
            self.network.constant(np.full(channels, 1e-3, np.float32)),
        ]
        return self.network.add("DequantizeLinear", *parameters, axis=0)


@pytest.fixture
def pairs(network):
    return Pairs(network)


def stored_in(model):
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def quantized_weights(model):
    """The int8 weights and their scales, in order."""
    constants = stored_in(model)
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants]
    return [(constants[node.input[0]], constants[node.input[1]]) for node in nodes]


def kinds(model):
    return [node.op_type for node in model.graph.node]


def test_integers_and_scales_stay_when_a_lowered_network_is_lowered_again(lowering, lower):
    network = lowering.Network(1, 8, 16, 16)
    once = lowering(
        network, lowering.grow(network, ["relu", "residual", "max_pool", "conv"], "gemm"), backend="tensorrt"
    )
    again, facts = lower(once.model)
    assert kinds(again) == kinds(once.model)
    assert facts["float_operators"] == []
    assert facts["made_symmetric"] == 0
    for (values, scale), (before, scale_before) in zip(
        quantized_weights(again), quantized_weights(once.model), strict=True
    ):
        assert (values == before).all()
        np.testing.assert_allclose(scale, scale_before, rtol=1e-6)
    assert lowering.decibels(lowering.run(once.model, *once.samples), lowering.run(again, *once.samples)) > SAME_DB


@pytest.mark.parametrize("half", [False, True])
def test_network_is_near_what_it_was_when_onnx_runtimes_pairs_are_replaced(lowering, lower, half):
    network = lowering.Network("n", 8, 16, 16, seed=3)
    steps = ["relu", "residual", "max_pool", "leaky_relu", "concat", "clip"]
    given = lowering(network, lowering.grow(network, steps, "gemm"))
    found, facts = lower(given.model, half=half)
    types = {value.dtype for value in stored_in(found).values()}
    assert np.dtype(np.uint8) not in types
    assert np.dtype(np.int32) not in types
    assert facts["made_symmetric"] > 0
    assert lowering.decibels(lowering.run(given.model, *given.samples), lowering.run(found, *given.samples)) > BOUND_DB


def test_weight_stays_on_its_grid_when_a_batch_norm_is_folded_into_it(lowering, lower, network, pairs):
    weight, values, scale = pairs.weight(8, 8, 3, 3)
    entry = pairs.activation("x", 0.03, np.int8(0))
    conv = network.add("Conv", entry, weight, pads=[1] * 4, kernel_shape=[3, 3])
    gains = np.linspace(-1.5, 1.5, 8).astype(np.float32)
    others = (network.constant(np.full(8, value, np.float32)) for value in (0.1, 0.2, 1.0))
    given = network.model(network.add("BatchNormalization", conv, network.constant(gains), *others, epsilon=0.0))
    found, _ = lower(given)
    assert "BatchNormalization" not in kinds(found)
    ((stored, folded),) = quantized_weights(found)
    assert (stored == values * np.sign(gains).astype(int).reshape(-1, 1, 1, 1)).all()
    np.testing.assert_allclose(folded, scale * np.abs(gains), rtol=1e-5)
    samples = network.samples()
    assert lowering.decibels(lowering.run(given, *samples), lowering.run(found, *samples)) > SAME_DB


@pytest.mark.parametrize("zero_point", [np.uint8(0), np.int8(-128)], ids=repr)
def test_activation_comes_back_when_a_quantizer_stood_for_it(lowering, lower, network, pairs, zero_point):
    weight, _, _ = pairs.weight(8, 8, 3, 3)
    entry = pairs.activation("x", 0.03, np.int8(0))
    conv = network.add("Conv", entry, weight, pairs.bias(8), pads=[1] * 4, kernel_shape=[3, 3])
    read = pairs.activation(conv, 0.08, zero_point)
    given = network.model(network.add("Conv", read, pairs.weight(4, 8, 1, 1)[0], kernel_shape=[1, 1]))
    found, facts = lower(given)
    assert kinds(found).count("Clip") == 1
    assert facts["made_symmetric"] == 1
    samples = network.samples()
    assert lowering.decibels(lowering.run(given, *samples), lowering.run(found, *samples)) > BOUND_DB


def test_no_activation_is_added_when_one_stands_there_already(lower, network, pairs):
    relu = network.add("Relu", network.conv("x"))
    read = pairs.activation(relu, 0.02, np.uint8(0))
    given = network.model(network.add("Conv", read, pairs.weight(4, 8, 1, 1)[0], kernel_shape=[1, 1]))
    assert "Clip" not in kinds(lower(given)[0])


@pytest.mark.parametrize("how", [{"in_float": True}, {"dtype": np.uint8}], ids=str)
def test_weight_is_int8_when_it_was_published_otherwise(lowering, lower, network, pairs, how):
    weight, values, _ = pairs.weight(8, 8, 1, 1, **how)
    given = network.model(network.add("Conv", pairs.activation("x", 0.03, np.int8(0)), weight, kernel_shape=[1, 1]))
    found, _ = lower(given)
    ((stored, _),) = quantized_weights(found)
    assert stored.dtype == np.int8
    if "in_float" in how:
        assert (stored == values).all()
    samples = network.samples()
    assert lowering.decibels(lowering.run(given, *samples), lowering.run(found, *samples)) > 30


def test_operators_stay_in_float_when_they_were_published_so(lower, network, pairs):
    first = network.add(
        "Conv", pairs.activation("x", 0.03, np.int8(0)), pairs.weight(8, 8, 1, 1)[0], kernel_shape=[1, 1]
    )
    read = pairs.activation(first, 0.05, np.int8(0))
    found, facts = lower(network.model(network.conv(read)))
    assert len(quantized_weights(found)) == 1
    (left,) = facts["float_operators"]
    assert (left["operator"], left["count"]) == ("Conv", 1)
    assert left["reason"].endswith("in float as it was published")


def test_network_is_brought_to_a_newer_opset_when_it_is_old(lowering, lower, network, pairs):
    conv = network.add(
        "Conv", pairs.activation("x", 0.03, np.int8(0)), pairs.weight(8, 8, 1, 1)[0], kernel_shape=[1, 1]
    )
    given = network.model(conv, opset=13)
    found, _ = lower(given)
    assert [opset.version for opset in found.opset_import] == [17]
    samples = network.samples()
    assert lowering.decibels(lowering.run(given, *samples), lowering.run(found, *samples)) > SAME_DB


def test_output_keeps_its_name_when_a_pair_stood_on_it(lower, network, pairs):
    conv = network.add(
        "Conv", pairs.activation("x", 0.03, np.int8(0)), pairs.weight(8, 8, 1, 1)[0], kernel_shape=[1, 1]
    )
    last = pairs.activation(conv, 0.05, np.int8(0))
    found, _ = lower(network.model(last))
    assert [value.name for value in found.graph.output] == [last]
    assert kinds(found).count("QuantizeLinear") == 1


def integer_convolution(network, pairs):
    weight = network.constant(np.ones((8, 8, 1, 1), np.int8))
    scale, zero = network.constant(np.float32(0.1)), network.constant(np.int8(0))
    stored = network.add("QuantizeLinear", "x", scale, zero)
    made = network.add("QLinearConv", stored, scale, zero, weight, scale, zero, scale, zero)
    return network.add("DequantizeLinear", made, scale, zero)


def computed_scale(network, pairs):
    scale = network.add("ReduceMax", "x", keepdims=0)
    stored = network.add("QuantizeLinear", "x", scale, network.constant(np.int8(0)))
    return network.conv(network.add("DequantizeLinear", stored, scale, network.constant(np.int8(0))))


def weight_only(network, pairs):
    return network.add("Conv", "x", pairs.weight(8, 8, 1, 1)[0], kernel_shape=[1, 1])


@pytest.mark.parametrize(
    ("grown", "reason"),
    [
        (
            integer_convolution,
            "its operator QLinearConv computes in integers itself; take the form of the model that has",
        ),
        (computed_scale, "the scale of 'x' is computed, not stored"),
        (weight_only, "no activation in it is quantized, so nothing of it could run in INT8"),
    ],
)
def test_network_is_unsupported_in_one_line_when_its_quantization_cannot_be_read(lower, network, pairs, grown, reason):
    with pytest.raises(UnsupportedError) as refused:
        lower(network.model(grown(network, pairs)))
    assert str(refused.value).startswith(f"model net/published: {reason}")
    assert len(str(refused.value).splitlines()) == 1
