"""Placement: what stays in float and is reported, ranges that are missing or shared, dynamic batch, and loud failures."""

import numpy as np
import pytest

from workbench.errors import UnsupportedError
from workbench.lowering import onnx_runtime
from workbench.lowering.placement import facts, place
from workbench.models.scales import ALL_BACKENDS, ActivationRange, Scales

BACKENDS = pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "tensorrt"])


@pytest.fixture
def chain(network):
    """conv, relu "first", conv, relu "second", conv, relu "third", conv."""
    last = "x"
    for name in ("first", "second", "third"):
        last = network.add("Relu", network.conv(last), name=name)
    return network.conv(last)


@BACKENDS
def test_readers_stay_in_float_when_their_tensor_is_kept(lowering, network, chain, backend):
    found = lowering(network, chain, backend=backend, kept={"second": "worst of the ranking"})
    assert "second" not in found.pairs
    conv = next(node for node in found.model.graph.node if node.op_type == "Conv" and "second" in node.input)
    assert conv.input[1] == "w4"
    rows = {left.reason: left for left in found.placement.float_operators}
    assert (rows["kept in float: worst of the ranking"].count, rows["kept in float: worst of the ranking"].operator) == (
        1, "Conv",
    )  # fmt: skip
    assert found.sqnr > lowering(network, chain, backend=backend).sqnr


@BACKENDS
def test_only_the_operator_stays_in_float_when_its_weight_is_kept(lowering, network, chain, backend):
    found = lowering(network, chain, backend=backend, kept={"w2": "why not"})
    conv = next(node for node in found.model.graph.node if node.name == "node_conv2")
    assert conv.input[1] == "w2"
    assert "kept in float: why not" in {left.reason for left in found.placement.float_operators}


def test_tensor_is_kept_on_every_backend_when_it_is_kept_on_all(lowering, network, chain):
    model = network.model(chain)
    scales = lowering.scales_of(
        lowering.measured_ranges(model, network.samples()), **{ALL_BACKENDS: {"second": "skip"}}
    )
    made = place(model, scales, dialect=onnx_runtime.DIALECT).model
    assert "second" not in {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}


def test_other_backends_quantize_a_tensor_when_one_keeps_it(lowering, network, chain):
    model = network.model(chain)
    scales = lowering.scales_of(lowering.measured_ranges(model, network.samples()), openvino={"second": "there only"})
    made = place(model, scales, dialect=onnx_runtime.DIALECT).model
    assert "second" in {node.input[0] for node in made.graph.node if node.op_type == "QuantizeLinear"}


def test_names_are_reported_when_the_network_does_not_have_them(lowering, network, chain):
    found = lowering(network, chain, kept={"typo": "because", "w0": "because"})
    assert facts(found.placement)["kept_but_not_found"] == ["typo"]


@BACKENDS
def test_operator_stays_in_float_when_its_input_has_no_range(lowering, network, chain, backend):
    found = lowering(network, chain, backend=backend, without=("second",))
    assert "its input has no range" in {left.reason for left in found.placement.float_operators}
    assert {"x", "third"} <= found.pairs


@BACKENDS
def test_range_of_a_neighbour_is_taken_when_only_movement_lies_between(lowering, network, backend):
    relu = network.add("Relu", network.conv("x"), name="relu")
    pool = network.add("MaxPool", relu, kernel_shape=[2, 2], strides=[2, 2], name="pool")
    shape = network.constant(np.array([1, 8, 64], np.int64))
    flat = network.add("Reshape", pool, shape, name="flat")
    back = network.add("Reshape", flat, network.constant(np.array([1, 8, 8, 8], np.int64)), name="back")
    found = lowering(network, network.conv(network.conv(back)), backend=backend, without=("pool", "flat", "back"))
    assert "back" in found.pairs
    assert "its input has no range" not in {left.reason for left in found.placement.float_operators}
    assert found.sqnr > 20


def test_range_is_not_taken_from_a_neighbour_when_the_tensor_is_kept(lowering, network):
    relu = network.add("Relu", network.conv("x"), name="relu")
    pool = network.add("MaxPool", relu, kernel_shape=[2, 2], strides=[2, 2], name="pool")
    found = lowering(network, network.conv(network.conv(pool)), kept={"pool": "large outliers"})
    assert "pool" not in found.pairs
    assert found.sqnr > lowering(network, network.conv(network.conv(pool))).sqnr


def test_tensor_stays_in_float_when_it_is_only_moved_into_a_kept_one(lowering, network):
    relu = network.add("Relu", network.conv("x"), name="relu")
    pool = network.add("MaxPool", relu, kernel_shape=[2, 2], strides=[2, 2], name="pool")
    found = lowering(network, network.conv(network.conv(pool)), kept={"pool": "large outliers"})
    assert "relu" not in found.pairs
    assert "its output is kept in float" in {left.reason for left in found.placement.float_operators}


def test_unknown_operators_are_named_when_no_rule_is_for_them(lowering):
    network = lowering.Network(1, 6, 8)
    hidden = network.add("MatMul", "x", network.weight(8, 8))
    turned = network.add("Transpose", hidden, perm=[0, 2, 1])
    scores = network.add("Softmax", network.add("Erf", network.add("MatMul", hidden, turned)))
    found = lowering(network, network.add("MatMul", scores, hidden))
    assert found.placement.unknown_operators == ("Erf", "MatMul of two activations")
    (left,) = found.placement.float_operators
    assert (left.count, left.reason) == (2, "both factors are computed, none is a stored weight")
    assert found.sqnr > 20


@BACKENDS
def test_any_batch_runs_when_the_batch_is_dynamic(lowering, backend):
    network = lowering.Network("n", 8, 16, 16)
    pool = network.add("GlobalAveragePool", network.add("Relu", network.conv("x")))
    flat = network.add("Flatten", pool)
    found = lowering(network, network.add("Gemm", flat, network.weight(8, 4)), backend=backend)
    runner = {"onnxruntime": lowering.run, "openvino": lowering.run_openvino, "tensorrt": lowering.run}[backend]
    x = np.concatenate(found.samples[:3])
    assert found.model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    assert lowering.decibels(lowering.run(found.before, x), runner(found.model, x)) > 20


def test_place_is_unsupported_when_there_is_no_range(network, chain):
    with pytest.raises(UnsupportedError, match="has no activation ranges; calibrate it"):
        place(network.model(chain), Scales(), dialect=onnx_runtime.DIALECT)


def test_place_names_a_scale_when_none_belongs_to_the_network(network, chain):
    other = Scales(activations={"elsewhere.tmp_0": ActivationRange(minimum=0, maximum=1, absmax=1)})
    with pytest.raises(UnsupportedError, match=r"none of the 1 ranges, 'elsewhere\.tmp_0' among them"):
        place(network.model(chain), other, dialect=onnx_runtime.DIALECT)


def test_weight_is_stored_once_in_int8_when_lowered(lowering, network, chain):
    found = lowering(network, chain)
    stored = [value for value in found.model.graph.initializer if list(value.dims) == [8, 8, 3, 3]]
    assert sorted(value.data_type for value in stored) == [1, 3, 3, 3]  # float in the head, int8 elsewhere
