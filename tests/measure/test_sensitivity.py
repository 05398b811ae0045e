"""The gates of a sensitivity analysis against rounding done by hand, and what is made of the figures."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.measure.gated_graph import GATES, Gate, Kind, add_gates
from workbench.measure.sensitivity import Noise, float_order, ranked
from workbench.models.scales import ActivationRange, Scales, Scheme, WeightRange

RANDOM = np.random.default_rng(0)
W1 = RANDOM.normal(0, 1, (4, 3, 3, 3)).astype(np.float32)
W2 = RANDOM.normal(0, 1, (4, 4, 1, 1)).astype(np.float32)
W3 = RANDOM.normal(0, 1, (4, 5)).astype(np.float32)
BIAS = RANDOM.normal(0, 1, 4).astype(np.float32)
X = RANDOM.normal(0, 1, (1, 3, 8, 8)).clip(-2.5, 2.5).astype(np.float32)
SCALES = Scales(
    activations={
        "image": ActivationRange(minimum=-3.0, maximum=2.0, absmax=3.0),
        "relu": ActivationRange(minimum=0.0, maximum=9.0, absmax=8.0),
    },
    weights={"w1": WeightRange(axis=0, absmax=(1.0, 2.0, 3.0, 4.0))},
)


def network():
    """image -> conv -> relu -> two convs that share input and weight -> sum -> mean -> matmul."""
    nodes = [
        helper.make_node("Conv", ["image", "w1", "bias"], ["first"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["first"], ["relu"]),
        helper.make_node("Conv", ["relu", "w2.folded"], ["left"]),
        helper.make_node("Conv", ["relu", "w2.folded"], ["right"], strides=[1, 1]),
        helper.make_node("Add", ["left", "right"], ["sum"]),
        helper.make_node("ReduceMean", ["sum"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "w3"], ["out"]),
    ]
    constants = {"w1": W1, "w2.folded": W2, "w3": W3, "bias": BIAS}
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model, gates=None, names=("out",)):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(list(names), {"image": X} | ({} if gates is None else {GATES: np.array(gates)}))


def replaced(**constants):
    """The network with other weights."""
    model = network()
    for initializer in model.graph.initializer:
        if initializer.name in constants:
            initializer.CopyFrom(numpy_helper.from_array(constants[initializer.name], initializer.name))
    return model


def rounded(values, absmax, top=127):
    scale = np.asarray(absmax, np.float32) / top
    return (np.rint(values / scale).clip(-top, top) * scale).astype(np.float32)


@pytest.fixture
def gated():
    return add_gates(network(), SCALES, activation_of={}, scheme=Scheme.SYMMETRIC)


def only(gated, tensor):
    return [gate.tensor == tensor for gate in gated.gates]


def test_gates_are_one_a_tensor_in_order_when_layers_share_input_and_weight(gated):
    assert [(gate.kind, gate.tensor, gate.readers) for gate in gated.gates] == [
        (Kind.ACTIVATION, "image", ("first",)),
        (Kind.WEIGHT, "w1", ("first",)),
        (Kind.ACTIVATION, "relu", ("left", "right")),
        (Kind.WEIGHT, "w2", ("left", "right")),
        (Kind.WEIGHT, "w3", ("out",)),
    ]
    assert gated.layers == ["first", "left", "right", "out"]
    assert [output.name for output in gated.model.graph.output] == ["out", "first", "left", "right"]
    assert gated.without_range == ["mean"]


def test_outputs_are_those_of_the_float_network_when_all_gates_are_off(gated):
    assert np.allclose(run(gated.model, [False] * 5)[0], run(network())[0], atol=1e-5)


def test_weight_is_rounded_by_its_channels_when_its_gate_is_on(gated):
    expected = run(replaced(w1=rounded(W1, np.array([1, 2, 3, 4]).reshape(-1, 1, 1, 1))))[0]
    assert np.allclose(run(gated.model, only(gated, "w1"))[0], expected, atol=1e-4)


def test_weight_is_rounded_by_its_own_largest_values_when_it_has_no_range(gated):
    for name, constant, weight, axes in (("w2", "w2.folded", W2, (1, 2, 3)), ("w3", "w3", W3, 0)):
        expected = run(replaced(**{constant: rounded(weight, np.abs(weight).max(axis=axes, keepdims=True))}))[0]
        assert np.allclose(run(gated.model, only(gated, name))[0], expected, atol=1e-4), name


def test_input_is_rounded_around_zero_when_the_scheme_is_symmetric(gated):
    (found,) = run(gated.model, only(gated, "image"), ["first"])
    session = onnxruntime.InferenceSession(gated.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["first"], {"image": rounded(X, 3.0), GATES: np.array([False] * 5)})
    assert np.isclose(found, expected, atol=1e-4).mean() > 0.95  # a value between two steps may go either way


def test_input_uses_the_whole_range_when_the_scheme_is_asymmetric():
    gated = add_gates(network(), SCALES, activation_of={}, scheme=Scheme.ASYMMETRIC)
    (found,) = run(gated.model, only(gated, "image"), ["first"])
    scale = np.float32(5 / 255)
    by_hand = ((np.rint(X / scale) + 153).clip(0, 255) - 153) * scale
    session = onnxruntime.InferenceSession(gated.model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(["first"], {"image": by_hand.astype(np.float32), GATES: np.array([False] * 5)})
    assert np.isclose(found, expected, atol=1e-4).mean() > 0.95  # a value between two steps may go either way


def test_gate_has_the_programs_name_when_the_export_renamed_the_tensor():
    scales = SCALES.model_copy(update={"activations": {"pooled": SCALES.activations["relu"]}})
    gated = add_gates(network(), scales, activation_of={"w3": "pooled"}, scheme=Scheme.SYMMETRIC)
    assert [gate.tensor for gate in gated.gates if gate.kind is Kind.ACTIVATION] == ["pooled"]
    assert gated.without_range == ["image", "relu"]
    assert not np.allclose(run(gated.model, only(gated, "pooled"))[0], run(network())[0], atol=1e-6)


def test_noise_adds_up_over_samples_when_they_are_added():
    noise = Noise()
    noise.add([np.array([3.0, 4.0])], [np.array([3.0, 4.5])])
    noise.add([np.array([5.0])], [np.array([5.0])])
    assert noise.sqnr_db == pytest.approx(10 * np.log10(50 / 0.25))
    assert noise.cosine == pytest.approx((9 + 18 + 25) / np.sqrt(50 * (9 + 4.5**2 + 25)))


def test_rows_are_ranked_with_their_share_when_made():
    gates = [Gate(Kind.ACTIVATION, "a", ("x",)), Gate(Kind.WEIGHT, "w", ("x",)), Gate(Kind.ACTIVATION, "b", ("y",))]
    noises = [Noise(), Noise(), Noise()]
    for noise, error in zip(noises, (0.1, 0.5, 0.3), strict=True):
        noise.add([np.ones(4)], [np.ones(4) + error])
    rows = ranked(gates, noises)
    assert [row["tensor"] for row in rows] == ["w", "b", "a"]
    assert [row["share"] for row in rows] == pytest.approx([1.0, 0.9, 0.1])


def row(tensor, kind, sqnr_db, *readers):
    return {"tensor": tensor, "kind": kind, "sqnr_db": sqnr_db, "readers": list(readers)}


def test_float_order_frees_each_layer_once_when_weights_and_inputs_are_ranked():
    rows = [
        row("pool", "activation", 20.0, "c1", "c2"), row("w1", "weight", 25.0, "c1"), row("w2", "weight", 40.0, "c2"),
        row("image", "activation", 40.0, "c0"), row("w0", "weight", 30.0, "c0"),
        row("tail", "activation", 35.0, "c3"), row("w3", "weight", 50.0, "c3"),
    ]  # fmt: skip
    assert float_order(rows) == [
        {"tensor": "pool", "kind": "activation", "why": "20.0 dB alone"},
        {"tensor": "image", "kind": "activation", "why": "30.0 dB alone, by weight w0"},
        {"tensor": "tail", "kind": "activation", "why": "35.0 dB alone"},
    ]


def test_float_order_names_the_weight_when_only_one_of_several_readers_is_bad():
    rows = [
        row("x", "activation", 60.0, "c1", "c2"), row("w1", "weight", 20.0, "c1"), row("w2", "weight", 21.0, "c2"),
        row("y", "activation", 60.0, "c3"), row("shared", "weight", 10.0, "c3", "c4"),
    ]  # fmt: skip
    assert [found["tensor"] for found in float_order(rows)] == ["y", "shared", "x"]
