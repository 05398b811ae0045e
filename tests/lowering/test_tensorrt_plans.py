"""What TensorRT-RTX's builder makes of lowered networks."""

from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.backends.tensorrt.rtx_plan import name_products
from workbench.launch import run_job
from workbench.lowering import tensorrt
from workbench.lowering.half import to_half
from workbench.lowering.placement import place
from workbench.models.model import Format, Manifest, Model
from workbench.models.scales import ActivationRange, Scales

BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")


def small_network(*, half=False):
    """conv, relu, residual, pool and a fully connected layer, lowered for TensorRT."""
    random = np.random.default_rng(0)

    def constant(name, *shape):
        return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], name="conv", pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c0"], ["r0"], name="relu"),
        helper.make_node("Conv", ["r0", "w1", "b0"], ["c1"], name="conv", pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Add", ["r0", "c1"], ["sum"], name="sum"),
        helper.make_node("GlobalAveragePool", ["sum"], ["mean"], name="mean"),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["y"], name="fc"),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [constant("w0", 16, 16, 3, 3), constant("b0", 16), constant("w1", 16, 16, 3, 3), constant("w2", 16, 10), constant("b2", 10)],
    )  # fmt: skip
    opset = tensorrt.HALF_OPSET if half else 17
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    ranges = {name: ActivationRange(minimum=-3, maximum=3, absmax=3) for name in ("x", "r0", "sum", "mean", "flat")}
    placed = place(model, Scales(activations=ranges), dialect=tensorrt.HALF_DIALECT if half else tensorrt.DIALECT).model
    return to_half(placed) if half else placed


@pytest.fixture
def build(tmp_path):
    """Build a plan of a network in a worker."""

    def built(network, sm="SM89"):
        onnx.save(network, str(tmp_path / "network.onnx"))
        arguments = {"network": str(tmp_path / "network.onnx"), "sm": sm}
        return run_job(
            "workbench.backends.tensorrt.rtx_plan:build_job", arguments, log=tmp_path / "build.log", timeout_s=300
        )

    return built


def test_products_get_names_of_their_own_when_theirs_are_the_same():
    network = small_network()
    assert name_products(network) == {"quantized.0": "c0", "quantized.1": "c1", "quantized.2": "y"}


@BUILDER
@pytest.mark.parametrize("half", [False, True])
def test_every_quantized_product_is_int8_when_a_plan_is_built(build, half):
    outcome = build(small_network(half=half))
    assert outcome.status == "ok", outcome.reason
    assert (outcome.value["int8_ops"], outcome.value["quantized_ops"], outcome.value["float_names"]) == (3, 3, [])
    assert outcome.value["plan_mb"] > 0


@BUILDER
def test_every_product_of_a_published_network_is_int8_when_it_was_lowered(build, lowering, tmp_path):
    network = lowering.Network("n", 8, 16, 16)
    given = lowering(network, lowering.grow(network, ["relu", "residual", "max_pool"], "gemm"), backend="onnxruntime")
    assert build(given.model).status == "unsupported"
    with Model.build(tmp_path / "models") as draft:
        onnx.save(given.model, str(draft.folder / "model.onnx"))
        fields = {"precision": "int8", "method": "published", "format": Format.ONNX, "inputs": (), "outputs": ()}
        draft.manifest = Manifest(name="net", **fields)
    made = tensorrt.lowered(draft.model, tmp_path / "models", half=True)
    outcome = build(onnx.load(str(made.onnx_file)))
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert outcome.value["int8_ops"] == outcome.value["quantized_ops"] > 2


@BUILDER
def test_product_counts_as_float_when_its_input_has_no_pair(build):
    network = small_network()
    conv = next(node for node in network.graph.node if node.output[0] == "c1")
    conv.input[0] = "r0"
    outcome = build(network)
    assert (outcome.value["int8_ops"], outcome.value["float_names"]) == (2, ["c1"])


@BUILDER
def test_network_is_refused_with_the_parsers_words_when_a_bias_is_int32(build):
    network = small_network()
    network.graph.initializer.append(numpy_helper.from_array(np.ones(16, np.int32), "b.int"))
    network.graph.initializer.append(numpy_helper.from_array(np.ones(16, np.float32), "b.scale"))
    network.graph.node.insert(0, helper.make_node("DequantizeLinear", ["b.int", "b.scale"], ["b"], axis=0, name="bias"))
    next(node for node in network.graph.node if node.op_type == "Conv").input[2] = "b"
    outcome = build(network)
    assert outcome.status == "unsupported"
    assert outcome.reason.startswith("TensorRT's parser refuses the network: ")
    assert "Int32" in outcome.reason
