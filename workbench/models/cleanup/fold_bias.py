"""Biases as runtimes fuse them: a 1-D weight that is added along the channels."""

import math
from typing import Any

from workbench.models.cleanup.operators import is_convolution, is_product, result
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.remove_dead import remove_dead


def fold_bias(graph: ProgramGraph) -> int:
    """Turn `conv -> add(reshape2(bias))` and its kin into `conv -> add(bias)` along the channel axis; returns how many.

    Paddle's own layers and x2paddle write a convolution's bias as a weight reshaped to [1, C, 1, 1] in every run. Paddle
    Inference fuses the addition only when its Y is a 1-D weight and its axis 1 (matrix products: the last axis).
    """
    folded = sum(_fold(graph, op) for op in graph.ops if op.type == "elementwise_add")
    remove_dead(graph)
    return folded


def _fold(graph: ProgramGraph, add: Any) -> bool:
    layer, bias = _layer_and_bias(graph, add)
    if layer is None:
        return False
    shape = graph.shape(result(layer))
    axis = 1 if is_convolution(layer) else len(shape) - 1
    weight = _flat_weight(graph, bias, channels=shape[axis], behind=len(shape) - 1 - axis)
    if weight is None or (weight == bias and add.attr("axis") in (axis, axis - len(shape))):
        return False
    graph.set_input(add, "X", [result(layer)])
    graph.set_input(add, "Y", [weight])
    add._set_attr("axis", axis)
    return True


def _layer_and_bias(graph: ProgramGraph, add: Any) -> tuple[Any, str]:
    """The layer whose result is one operand and the other operand's name; (None, "") if there is none."""
    operands = str(add.input("X")[0]), str(add.input("Y")[0])
    for name, other in (operands, operands[::-1]):
        layer = graph.producer(name)
        ranks = len(graph.shape(name)), len(graph.shape(other))
        aligned = ranks[0] >= ranks[1] and add.attr("axis") in (-1, ranks[0] - ranks[1])
        if (is_convolution(layer) or is_product(layer)) and aligned:
            return layer, other
    return None, ""


def _flat_weight(graph: ProgramGraph, name: str, *, channels: int, behind: int) -> str | None:
    """The 1-D weight that `name` ([..1, C, 1..] with `behind` ones at the end) holds; None if it is something else."""
    shape = graph.shape(name)
    along_channels = math.prod(shape) == channels and len(shape) > behind and shape[len(shape) - 1 - behind] == channels
    reshape = graph.producer(name)
    if along_channels and reshape is not None and reshape.type == "reshape2":
        source = str(reshape.input("X")[0])
        if graph.is_weight(source) and graph.shape(source) == (channels,):
            return source
    if along_channels and graph.is_weight(name):
        if len(shape) == 1:
            return name
        return graph.add_weight(graph.new_name(f"{name}.flat"), graph.value(name).reshape(channels))
    return None
