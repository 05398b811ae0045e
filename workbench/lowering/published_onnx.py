"""An ONNX network with Q/DQ pairs taken apart. Any tool may have made it, as long as the pairs are ONNX's own."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnsupportedError
from workbench.lowering.graph import Graph, attribute
from workbench.lowering.ranges import INT8_TOP
from workbench.lowering.taken_apart import TakenApart, activation_range, along, weight_range
from workbench.models.model import Model
from workbench.models.scales import WeightRange

if TYPE_CHECKING:
    import onnx

PAIR = ("QuantizeLinear", "DequantizeLinear")
INTEGER_OPERATORS = ("QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear")


def take_apart_onnx(source: Model, *, opset: int) -> TakenApart:
    """The float network of an ONNX Model that others quantized, and its ranges; not simplified.

    Raises UnsupportedError for operators that compute in integers themselves or that ONNX does not define, for widths other than
    8 bits, and when the network cannot be brought to `opset`.
    """
    import onnx

    network = onnx.load(str(source.onnx_file))
    _refuse_operators(source, network)
    graph = Graph(_at_opset(source, network, opset))
    taken = _Taken(source, graph, network)
    for node in list(graph.nodes):
        node.input[:] = [taken.same.get(name, name) for name in node.input]
        if node.op_type == "QuantizeLinear":
            taken.quantizer(node)
        elif node.op_type == "DequantizeLinear":
            taken.dequantizer(node)
    graph.nodes = [node for node in graph.nodes if node.op_type not in PAIR]
    graph.nodes += [
        onnx.helper.make_node("Identity", [taken.same[name]], [name])
        for name in sorted(graph.outputs & taken.same.keys())
    ]
    for number, node in enumerate(graph.nodes):
        node.name = f"{node.op_type}.{number}"  # simplifying knows weights by the names of their nodes
    graph.refresh()
    found = taken.found
    found.network = graph.to_model()
    return found


class _Quantizer(NamedTuple):
    """stored = value / scale + zero; scale and zero are single values, or one per channel along `axis`."""

    scale: NDArray[np.float64]
    zero: NDArray[np.int64]
    kind: np.dtype[Any]
    axis: int

    def quantized(self, value: NDArray[Any]) -> NDArray[Any]:
        """What is stored of a value."""
        stored = np.rint(value / along(self.scale, self.axis, value.ndim)) + along(self.zero, self.axis, value.ndim)
        clipped: NDArray[Any] = stored.clip(*_limits(self.kind)).astype(self.kind)
        return clipped

    def dequantized(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """The value of what is stored."""
        value = (stored.astype(np.int64) - along(self.zero, self.axis, stored.ndim)) * along(
            self.scale, self.axis, stored.ndim
        )
        real: NDArray[np.float32] = value.astype(np.float32)
        return real


class _Taken:
    """What was found while the pairs are taken away; `same`: tensor -> the tensor whose value it has without them."""

    def __init__(self, source: Model, graph: Graph, network: "onnx.ModelProto") -> None:
        self._source = source
        self._graph = graph
        self.found = TakenApart(network)
        self.same: dict[str, str] = {}

    def quantizer(self, node: "onnx.NodeProto") -> None:
        """Note an activation's range; a stored value is quantized right here."""
        name, made = node.input[0], node.output[0]
        kind = self._stored(node, 2).dtype if len(node.input) > 2 else np.dtype(np.uint8)
        found = self._read(node, kind)
        if name in self._graph.constants:
            self._graph.constants[made] = found.quantized(self._graph.constants[name])
            return
        if kind == np.int8 and not found.zero.any():
            top = float(found.scale.max()) * INT8_TOP
            self.found.activations[name] = activation_range(-top, top)
        else:
            low, high = (float(((limit - found.zero) * found.scale).ravel()[0]) for limit in _limits(kind))
            if low == 0 > self._graph.bounds(name)[0]:
                name = self._clipped(node, high)
            self.found.activations[name] = activation_range(min(low, 0.0), max(high, 0.0))
            self.found.asymmetric.add(name)
        self.same[made] = name

    def dequantizer(self, node: "onnx.NodeProto") -> None:
        """A stored value becomes float, and when it is a weight its range is noted."""
        name, made = node.input[0], node.output[0]
        stored = self._graph.constants.get(name)
        if stored is None:
            self.same[made] = name
            return
        found = self._read(node, stored.dtype)
        value = found.dequantized(stored)
        self.same[made] = self._graph.add_constant(f"{made}.float", value)
        if stored.ndim > 1:
            self.found.weights[self.same[made]] = _weight_range(found, value)

    def _clipped(self, node: "onnx.NodeProto", high: float) -> str:
        """The tensor between 0 and `high`: a tool that stores from 0 up leaves the Relu or Clip out that stood before."""
        from onnx import helper

        name = node.input[0]
        limits = [self._graph.add_constant(f"{name}.limit", np.float32(value)) for value in (0, high)]
        clip = helper.make_node("Clip", [name, *limits], [f"{name}.clipped"])
        self._graph.nodes.insert(self._graph.nodes.index(node), clip)
        self._graph.refresh()
        return str(clip.output[0])

    def _read(self, node: "onnx.NodeProto", kind: np.dtype[Any]) -> _Quantizer:
        if kind not in (np.int8, np.uint8, np.int32):
            raise self._unsupported(f"{node.input[0]!r} is quantized to {kind}, where INT8 is wanted")
        scale = self._stored(node, 1).astype(np.float64)
        zero = self._stored(node, 2) if len(node.input) > 2 and node.input[2] else np.zeros_like(scale)
        rank = max(self._graph.constants.get(node.input[0], np.empty(0)).ndim, 1)
        return _Quantizer(scale, zero.astype(np.int64), kind, int(attribute(node, "axis", 1)) % rank)

    def _stored(self, node: "onnx.NodeProto", index: int) -> NDArray[Any]:
        value = self._graph.constants.get(node.input[index])
        if value is None:
            raise self._unsupported(f"the scale of {node.input[0]!r} is computed, not stored")
        return value

    def _unsupported(self, reason: str) -> UnsupportedError:
        return UnsupportedError(f"model {self._source.label}: {reason}")


def _limits(kind: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def _weight_range(found: _Quantizer, value: NDArray[np.float32]) -> WeightRange:
    """What its scales say where it is stored around 0, otherwise the largest values."""
    channels = value.shape[found.axis]
    if found.kind == np.int8 and not found.zero.any():
        return weight_range(found.scale, found.axis, channels=channels)
    largest = np.abs(np.moveaxis(value, found.axis, 0)).reshape(channels, -1).max(axis=1)
    return weight_range(largest / INT8_TOP, found.axis, channels=channels)


def _refuse_operators(source: Model, network: "onnx.ModelProto") -> None:
    for node in network.graph.node:
        if node.op_type.startswith(INTEGER_OPERATORS):
            reason = (
                "computes in integers itself; take the form of the model that has QuantizeLinear and DequantizeLinear"
            )
        elif node.domain not in ("", "ai.onnx"):
            reason = f"is not of ONNX but of {node.domain}"
        else:
            continue
        raise UnsupportedError(f"model {source.label}: its operator {node.op_type} {reason}")


def _at_opset(source: Model, network: "onnx.ModelProto", opset: int) -> "onnx.ModelProto":
    from onnx import version_converter

    if network.opset_import[0].version == opset:
        return network
    try:
        return version_converter.convert_version(network, opset)
    except Exception as error:
        raise UnsupportedError(
            f"model {source.label}: it cannot be brought to ONNX opset {opset} ({str(error).splitlines()[0]})"
        ) from error
