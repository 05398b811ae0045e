"""Batch normalization with fixed statistics becomes part of the layer before it."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.models.cleanup.operators import LAYOUTS, TRANSPOSED, bias_of_add, is_convolution, is_product, result
from workbench.models.cleanup.program_graph import ProgramGraph

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product, its weight, and the bias that is added to it, if one is."""

    op: Any
    weight: str
    add: Any | None
    bias: str


def fold_batch_norm(graph: ProgramGraph) -> int:
    """Scale the weights of every layer that feeds a batch normalization and keep its shift as the bias; returns how many.

    y = (conv(x) + b - mean) * scale / sqrt(variance + epsilon) + shift, computed in float64 and stored in the weight's dtype.
    The weight, and the bias if there is one, keep their names; otherwise the normalization's shift becomes the bias.
    """
    return sum(_fold(graph, op) for op in graph.ops if op.type == "batch_norm" and _is_fixed(op))


def _is_fixed(norm: Any) -> bool:
    uses_batch = not (norm.attr("is_test") or norm.attr("use_global_stats"))
    return norm.attr("data_layout") in LAYOUTS and not uses_batch and not norm.attr("trainable_statistics")


def _fold(graph: ProgramGraph, norm: Any) -> bool:
    layer = _layer_before(graph, norm)
    if layer is None:
        return False
    scale, shift = _scale_and_shift(graph, norm)
    weight = _scaled(graph, layer, scale)
    if weight is None or not np.isfinite(scale).all():
        return False
    graph.set_value(layer.weight, weight)
    out = str(norm.output("Y")[0])
    if layer.add is None:
        bias = _own_shift(graph, norm, shift)
        graph.remove([norm])
        graph.insert(
            "elementwise_add",
            inputs={"X": [result(layer.op)], "Y": [bias]}, outputs={"Out": [out]}, attrs={"axis": 1}, after=layer.op,
        )  # fmt: skip
    else:
        graph.set_value(layer.bias, graph.value(layer.bias).astype(np.float64) * scale + shift)
        graph.remove([norm])
        graph.set_output(layer.add, "Out", [out])
    return True


def _layer_before(graph: ProgramGraph, norm: Any) -> Layer | None:
    """The layer whose result only this normalization reads, directly or behind its bias."""
    name = str(norm.input("X")[0])
    op: Any = graph.producer(name)
    if op is None or graph.only_reader(name) is None:
        return None
    add, bias = (op, bias_of_add(graph, op)) if op.type == "elementwise_add" else (None, "")
    if add is not None:
        before = str(add.input("X")[0])
        if not bias or graph.only_reader(bias) is not add or graph.only_reader(before) is not add:
            return None
        op = graph.producer(before)
    if is_convolution(op):
        weight = str(op.input("Filter")[0])
    elif is_product(op) and len(graph.shape(name)) == 2:
        weight = str(op.input("Y")[0])
    else:
        return None
    if not graph.is_weight(weight) or graph.only_reader(weight) is not op:
        logger.info("batch_norm of %s stays: its layer's weight %s is not its own", name, weight)
        return None
    return Layer(op, weight, add, bias)


def _scale_and_shift(graph: ProgramGraph, norm: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale, shift, mean, variance = (
        graph.value(norm.input(slot)[0]).astype(np.float64) for slot in ("Scale", "Bias", "Mean", "Variance")
    )
    factor = scale / np.sqrt(variance + norm.attr("epsilon"))
    return factor, shift - mean * factor


def _scaled(graph: ProgramGraph, layer: Layer, scale: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The layer's weight with its output channels multiplied; None for a product that does not end in them."""
    weight = graph.value(layer.weight).astype(np.float64)
    if layer.op.type in TRANSPOSED:
        # [in, out / groups, h, w]: the rows of one group make one group's share of the outputs.
        groups = layer.op.attr("groups")
        rows = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
        return (rows * scale.reshape(groups, 1, -1, 1, 1)).reshape(weight.shape)
    if is_convolution(layer.op):
        return weight * scale[:, None, None, None]
    transposed = any(layer.op.has_attr(name) and layer.op.attr(name) for name in ("trans_y", "transpose_Y"))
    if weight.ndim != 2 or weight.shape[0 if transposed else 1] != len(scale):
        return None
    return weight * (scale[:, None] if transposed else scale)


def _own_shift(graph: ProgramGraph, norm: Any, shift: NDArray[np.float64]) -> str:
    """The normalization's shift variable with its new value, or a new one where others read it too."""
    name = str(norm.input("Bias")[0])
    value = shift.astype(graph.value(name).dtype)
    if graph.only_reader(name) is norm:
        graph.set_value(name, value)
        return name
    return graph.add_weight(graph.new_name(f"{name}.folded"), value)
