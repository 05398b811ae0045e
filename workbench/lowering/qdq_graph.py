"""An ONNX graph with QuantizeLinear/DequantizeLinear pairs, opened for rewriting."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Pair:
    """A quantizer and its dequantizer around the tensor `source`."""

    source: str
    quantize: "onnx.NodeProto"
    dequantize: "onnx.NodeProto"

    @property
    def output(self) -> str:
        """The tensor that consumers of the pair read."""
        return str(self.dequantize.output[0])


class QdqGraph:
    """Nodes, constants, and who makes and reads each tensor. `save` writes what is still used."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        from onnx import numpy_helper

        self._model = model
        self.nodes = [node for node in model.graph.node if node.op_type != "Constant"]
        self.constants: dict[str, NDArray[Any]] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)

    def producers(self) -> dict[str, "onnx.NodeProto"]:
        """Tensor -> the node that makes it."""
        return {name: node for node in self.nodes for name in node.output}

    def consumers(self) -> dict[str, list["onnx.NodeProto"]]:
        """Tensor -> the nodes that read it; a graph output counts as none."""
        found: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                found[name].append(node)
        return found

    def activation_pairs(self) -> list[Pair]:
        """The pairs around tensors that are computed, not stored."""
        producers = self.producers()
        pairs = []
        for node in self.nodes:
            quantize = producers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
            if quantize is None or quantize.op_type != "QuantizeLinear" or quantize.input[0] in self.constants:
                continue
            pairs.append(Pair(quantize.input[0], quantize, node))
        return pairs

    def rename_input(self, old: str, new: str) -> None:
        """Let every reader of tensor `old` read `new` instead."""
        for node in self.nodes:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new

    def add_constant(self, name: str, value: NDArray[Any]) -> str:
        """Store a constant under a name that is still free; returns the name."""
        while name in self.constants:
            name += "_"
        self.constants[name] = value
        return name

    def set_parameters(self, pair: Pair, *, scale: float, zero_point: int, dtype: type[np.integer[Any]]) -> None:
        """Give a pair another scale (per tensor) and zero point."""
        names = (
            self.add_constant(f"{pair.source}.scale", np.float32(scale).reshape(())),
            self.add_constant(f"{pair.source}.zero_point", np.array(zero_point, dtype)),
        )
        for node in (pair.quantize, pair.dequantize):
            node.input[1], node.input[2] = names

    def to_model(self) -> "onnx.ModelProto":
        """The rewritten model: nodes that nothing reads are dropped, constants become initializers."""
        from onnx import numpy_helper

        self._drop_unused()
        graph = self._model.graph
        used = {name for node in self.nodes for name in node.input}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        kept = ((name, value) for name, value in self.constants.items() if name in used)
        graph.initializer.extend(numpy_helper.from_array(np.array(value, order="C"), name) for name, value in kept)
        return self._model

    def _drop_unused(self) -> None:
        wanted = {value.name for value in self._model.graph.output}
        kept = []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                kept.append(node)
                wanted |= set(node.input)
        self.nodes = kept[::-1]
