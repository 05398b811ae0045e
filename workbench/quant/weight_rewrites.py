"""Rewrites that fit a network for PaddleSlim's weight-only quantization, without changing what it computes."""

from collections.abc import Collection
from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph

WEIGHT_SLOTS = {"conv2d": "Filter", "depthwise_conv2d": "Filter", "mul": "Y"}
"""The operators that PaddleSlim 2.6 can quantize, and where they read their weight."""
TRANSPOSES = {"matmul": ("transpose_X", "transpose_Y"), "matmul_v2": ("trans_x", "trans_y")}


def weight_of(graph: ProgramGraph, op: Any) -> str:
    """The stored weight of an operator that PaddleSlim can quantize; "" if it has none."""
    name = str(op.input(WEIGHT_SLOTS[op.type])[0])
    return name if graph.is_weight(name) else ""


def products_as_mul(graph: ProgramGraph) -> int:
    """Turn `matmul` and `matmul_v2` by a stored matrix into `mul`, the one product that PaddleSlim takes; returns how many."""
    return sum(_as_mul(graph, op) for op in graph.ops if op.type in TRANSPOSES)


def own_weights(graph: ProgramGraph, types: Collection[str]) -> int:
    """Give each operator of `types` whose weight others read too a copy of its own; returns how many.

    PaddleSlim quantizes a weight once a reader, the second time from its integers, and Paddle Lite widens it once a reader
    (`LightPredictor::DequantizeWeight` in its light_api.cc).
    """
    return sum(_own_weight(graph, op) for op in graph.ops if op.type in types)


def _as_mul(graph: ProgramGraph, op: Any) -> bool:
    source, weight = str(op.input("X")[0]), str(op.input("Y")[0])
    rank = len(graph.shape(source))
    transposed_source, transposed_weight = (bool(op.attr(name)) for name in TRANSPOSES[op.type])
    scaled = op.type == "matmul" and op.attr("alpha") != 1
    if not graph.is_weight(weight) or len(graph.shape(weight)) != 2 or rank < 2 or transposed_source or scaled:
        return False
    if transposed_weight:
        weight = graph.add_weight(graph.new_name(f"{weight}.transposed"), graph.value(weight).T)
    inputs, outputs = {"X": [source], "Y": [weight]}, {"Out": list(op.output("Out"))}
    graph.insert(
        "mul", inputs=inputs, outputs=outputs, attrs={"x_num_col_dims": rank - 1, "y_num_col_dims": 1}, after=op
    )
    graph.remove([op])
    return True


def _own_weight(graph: ProgramGraph, op: Any) -> bool:
    weight = weight_of(graph, op)
    if not weight or graph.only_reader(weight) is op:
        return False
    graph.set_input(op, WEIGHT_SLOTS[op.type], [graph.add_weight(graph.new_name(weight), graph.value(weight))])
    return True
