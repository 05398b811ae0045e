"""Stored weights and biases as runtimes with INT8 kernels want them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.graph import Graph, attribute
from workbench.lowering.ranges import INT8_TOP
from workbench.models.scales import WeightRange

if TYPE_CHECKING:
    import onnx

MATRIX_OPERATORS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
# A quarter of int32: room for the sum of products that the bias is added to.
LARGEST_BIAS = 2**29


@dataclass(frozen=True)
class QuantizedWeight:
    """int8 values around 0; `scale` is float32 with one entry per channel along `axis`."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    axis: int


def channel_axis(node: "onnx.NodeProto") -> int:
    """The axis of a matrix operator's weight along which its output channels lie."""
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 0 if node.op_type == "Conv" else 1


def bias_of(graph: Graph, node: "onnx.NodeProto") -> NDArray[np.float32] | None:
    """The stored bias of a matrix operator, one value per output channel; None when it has none of that kind."""
    if len(node.input) < 3 or node.input[2] not in graph.constants:
        return None
    if attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0:
        return None
    channels = graph.constants[node.input[1]].shape[channel_axis(node)]
    bias = graph.constants[node.input[2]]
    groups = attribute(node, "group", 1) if node.op_type == "ConvTranspose" else 1
    return bias.reshape(-1) if bias.size == channels * groups and bias.shape[-1] == bias.size else None


def quantize_weight(
    weight: NDArray[np.float32],
    axis: int,
    *,
    known: WeightRange | None = None,
    bias: NDArray[np.float32] | None = None,
    input_scale: float = 1.0,
    storable: Callable[[NDArray[Any]], NDArray[np.float32]] | None = None,
) -> QuantizedWeight:
    """Symmetric int8 per output channel: scale = absmax / 127, with the absmax that quantization chose where it is `known`.

    A channel of nearly no weight gets a coarser scale, so that its bias fits int32 at (input scale x weight scale).
    `storable` gives the scales that the backend can hold; the values are rounded to those.
    """
    channels = weight.shape[axis]
    absmax = np.abs(np.moveaxis(weight, axis, 0).reshape(channels, -1)).max(axis=1).astype(np.float64)
    if known is not None and len(known.absmax) == channels:
        absmax = np.asarray(known.absmax, np.float64)
    scale = np.maximum(absmax / INT8_TOP, np.finfo(np.float32).tiny)
    if bias is not None and bias.size == channels:
        scale = np.maximum(scale, np.abs(bias) / (input_scale * LARGEST_BIAS))
    scale = scale.astype(np.float32) if storable is None else storable(scale)
    values = np.rint(weight / _along(scale, axis, weight.ndim)).clip(-INT8_TOP, INT8_TOP).astype(np.int8)
    return QuantizedWeight(values, scale, axis)


def quantize_bias(bias: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.int32]:
    """int32 at the given scale per channel, that of the products it is added to."""
    limits = np.iinfo(np.int32)
    stored: NDArray[np.int32] = np.rint(bias.astype(np.float64) / scale).clip(limits.min, limits.max).astype(np.int32)
    return stored


def _along(values: NDArray[Any], axis: int, dimensions: int) -> NDArray[Any]:
    shape = [1] * dimensions
    shape[axis] = -1
    return values.reshape(shape)
