"""Parts of networks as they are drawn: pairs as one node, ways between two tensors, rows and colours."""

import onnx
from matplotlib.figure import Figure
from onnx import TensorProto, helper

from workbench.lessons.network_drawing import PAIR, Node, between, depths, draw, drawn_nodes

CHAIN = [
    Node("Conv", "a", ["x"], ["a"]),
    Node("Relu", "b", ["a"], ["b"]),
    Node("Conv", "c", ["x"], ["c"]),
    Node("Add", "d", ["b", "c"], ["d"]),
    Node("Tanh", "e", ["x"], ["e"]),
]


def test_pair_is_one_node_and_a_weights_dequantizer_none_when_read():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["x2"], name="pair"),
        helper.make_node("DequantizeLinear", ["w", "s"], ["w2"]),
        helper.make_node("Conv", ["x2", "w2"], ["y"], name="conv"),
    ]
    value = helper.make_tensor_value_info
    stored = [
        helper.make_tensor("s", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("w", TensorProto.INT8, [1, 1, 1, 1], [3]),
    ]
    graph = helper.make_graph(
        nodes, "net", [value("x", TensorProto.FLOAT, [1, 1, 2, 2])], [value("y", TensorProto.FLOAT, None)], stored
    )
    found = drawn_nodes(onnx.helper.make_model(graph))
    assert found == [Node(PAIR, "pair", ["x"], ["x2"]), Node("Conv", "conv", ["x2"], ["y"])]


def test_part_holds_all_ways_between_two_tensors_and_nothing_else():
    assert [node.name for node in between(CHAIN, "x", "d")] == ["a", "b", "c", "d"]
    assert [node.name for node in between(CHAIN, "a", "d")] == ["b", "d"]


def test_depth_counts_the_longest_way_when_two_meet():
    assert depths(CHAIN) == [0, 1, 0, 2, 0]


def test_drawing_names_every_node_and_what_is_in_int8():
    axes = Figure().subplots()
    draw(axes, CHAIN[:4], title="part", in_int8={"a"}, rows=3)
    assert [text.get_text() for text in axes.texts] == ["Conv INT8", "Relu", "Conv", "Add"]
    places = {text.get_text(): text.get_position() for text in axes.texts}
    assert places["Conv INT8"][0] == places["Relu"][0] == places["Add"][0] != places["Conv"][0]
