"""What a dialect needs of a model that others quantized: its float form, made of its own weights, and its own ranges."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnsupportedError
from workbench.lowering.graph import Graph
from workbench.lowering.published_onnx import take_apart_onnx
from workbench.lowering.published_paddle import take_apart_paddle
from workbench.lowering.simplify import original_weight, simplify
from workbench.lowering.weights import MATRIX_OPERATORS, channel_axis
from workbench.models.model import Format, Model
from workbench.models.scales import ALL_BACKENDS, Scales, WeightRange

if TYPE_CHECKING:
    import onnx

IN_FLOAT = "in float as it was published"


@dataclass(frozen=True)
class Published:
    """A published model taken apart: the simplified float network, and the ranges to quantize it with.

    `asymmetric`: how many activations were not stored around 0.
    """

    network: "onnx.ModelProto"
    scales: Scales
    asymmetric: int


def take_apart(source: Model, *, opset: int) -> Published:
    """The float form and the ranges of a Model of the method `published`.

    Its weights are those that it computes with: each lies on its own grid again, and is quantized to the same integers.
    What it had in float stays so. Raises UnsupportedError for what cannot be read. Call it in a worker only.
    """
    read = take_apart_onnx if source.manifest.format is Format.ONNX else take_apart_paddle
    found = read(source, opset=opset)
    if not found.activations:
        raise UnsupportedError(
            f"model {source.label}: no activation in it is quantized, so nothing of it could run in INT8"
        )
    stored = Graph(found.network).constants
    network = simplify(found.network)
    graph = Graph(network)
    weights: dict[str, WeightRange] = {}
    kept: dict[str, str] = {}
    for node in graph.nodes:
        if node.op_type in MATRIX_OPERATORS and node.input[1] in graph.constants:
            name, old = node.input[1], original_weight(node.input[1])
            known = found.weights.get(old)
            if known is None:
                kept[old] = IN_FLOAT
            elif known.axis == channel_axis(node) and stored[old].shape == graph.constants[name].shape:
                weights[name] = _refitted(known, stored[old], graph.constants[name])
    scales = Scales(activations=found.activations, weights=weights, kept_in_float={ALL_BACKENDS: kept} if kept else {})
    return Published(network, scales, len(found.asymmetric))


def _largest(weight: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    channels = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float64)
    largest: NDArray[np.float64] = np.abs(channels).max(axis=1)
    return largest


def _refitted(known: WeightRange, before: NDArray[np.float32], after: NDArray[np.float32]) -> WeightRange:
    """The range of a weight after a batch norm was folded into it, which multiplies each channel by one factor."""
    old, new = (_largest(value, known.axis) for value in (before, after))
    factor = np.divide(new, old, out=np.ones_like(new), where=old > 0)
    return known.model_copy(update={"absmax": tuple(float(x) for x in np.multiply(known.absmax, factor))})
