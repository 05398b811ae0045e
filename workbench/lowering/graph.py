"""An ONNX graph opened for reading and rewriting: who makes and reads each tensor, what is stored, what bounds a value has."""

import math
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

RESHAPING = frozenset({"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Identity"})
MOVEMENT = RESHAPING | {"Split", "Slice", "MaxPool", "Concat", "Resize"}
BOUNDED = {"Relu": (0.0, math.inf), "Sigmoid": (0.0, 1.0), "HardSigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0)}
AVERAGES = frozenset({"AveragePool", "GlobalAveragePool"})

Bounds = tuple[float, float]


class Graph:
    """Nodes in topological order, constants by name. `to_model` writes what is still used."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        from onnx import numpy_helper

        self._model = model
        self.nodes = [node for node in model.graph.node if node.op_type != "Constant"]
        self.constants: dict[str, NDArray[Any]] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.inputs = [value.name for value in model.graph.input if value.name not in self.constants]
        self.outputs = {value.name for value in model.graph.output}
        self.refresh()

    def refresh(self) -> None:
        """Learn anew who makes and reads each tensor, after nodes were changed."""
        self._makers = {name: node for node in self.nodes for name in node.output}
        self._bounds: dict[str, Bounds] = {}
        self._depths: dict[str, int] = {}
        self._readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                self._readers[name].append(node)

    def maker(self, tensor: str) -> "onnx.NodeProto | None":
        """The node that computes a tensor; None for inputs and constants."""
        return self._makers.get(tensor)

    def readers(self, tensor: str) -> list["onnx.NodeProto"]:
        """The nodes that read a tensor; a graph output counts as none."""
        return self._readers.get(tensor, [])

    def activations(self, node: "onnx.NodeProto") -> list[str]:
        """The computed values that a node works on: all inputs of joining operators, the first one of others."""
        names = [name for name in node.input if name and name not in self.constants]
        return names if node.op_type in ("Add", "Mul", "Sub", "Div", "Concat", "MatMul", "Sum") else names[:1]

    def only_reader(self, tensor: str) -> "onnx.NodeProto | None":
        """The one node that reads a tensor, if it is the only use of it."""
        readers = self.readers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def depth(self, tensor: str) -> int:
        """How many operators lie on the longest way from the inputs to a tensor."""
        if not self._depths:
            for node in self.nodes:
                deepest = max((self._depths.get(name, 0) for name in node.input), default=0)
                self._depths.update(dict.fromkeys(node.output, deepest + 1))
        return self._depths.get(tensor, 0)

    def bounds(self, tensor: str) -> Bounds:
        """Limits that the operators before a tensor guarantee for its values."""
        if tensor not in self._bounds:
            self._bounds[tensor] = self._find_bounds(self.maker(tensor))
        return self._bounds[tensor]

    def _find_bounds(self, node: "onnx.NodeProto | None") -> Bounds:
        if node is None:
            return -math.inf, math.inf
        if node.op_type == "Clip":
            low, high = (self._scalar(node, index) for index in (1, 2))
            return -math.inf if low is None else low, math.inf if high is None else high
        if keeps_range(node) or node.op_type in AVERAGES:
            found = [self.bounds(name) for name in self.activations(node)]
            return min((low for low, _ in found), default=-math.inf), max((h for _, h in found), default=math.inf)
        return BOUNDED.get(node.op_type, (-math.inf, math.inf))

    def float_activations(self) -> set[str]:
        """The computed tensors of type float32, as far as shape inference tells; a tensor of unknown type counts as one."""
        from onnx import TensorProto

        others = {name for name, found in self._inferred.items() if found.elem_type != TensorProto.FLOAT}
        return {*self.inputs, *self._makers} - others

    def shape(self, tensor: str) -> list[int]:
        """Lengths of a tensor's axes, 0 where one is dynamic; empty where shape inference does not tell."""
        return [axis.dim_value for axis in self._inferred[tensor].shape.dim] if tensor in self._inferred else []

    @cached_property
    def _inferred(self) -> "dict[str, onnx.TypeProto.Tensor]":
        from onnx import shape_inference

        graph = shape_inference.infer_shapes(self._model).graph
        return {value.name: value.type.tensor_type for value in (*graph.value_info, *graph.input, *graph.output)}

    def add_constant(self, name: str, value: Any) -> str:
        """Store a constant under a name that is still free; returns the name."""
        while name in self.constants:
            name += "_"
        self.constants[name] = np.asarray(value)
        return name

    def rename_constant(self, old: str, new: str) -> None:
        """Give a constant another name, unless that one is taken."""
        if new not in self.constants:
            self.constants[new] = self.constants.pop(old)
            for node in self.readers(old):
                node.input[:] = [new if name == old else name for name in node.input]

    def to_model(self) -> "onnx.ModelProto":
        """The rewritten model: nodes that nothing reads are dropped, constants become initializers in order of their use."""
        from onnx import numpy_helper

        self._drop_unused()
        graph, opsets = self._model.graph, self._model.opset_import
        standard = [opset for opset in opsets if opset.domain in ("", "ai.onnx")]
        del opsets[:]
        opsets.extend(standard)
        used = dict.fromkeys(name for node in self.nodes for name in node.input if name in self.constants)
        used |= dict.fromkeys(name for name in sorted(self.outputs) if name in self.constants)
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(
            numpy_helper.from_array(np.array(self.constants[name], order="C"), name) for name in used
        )
        return self._model

    def _scalar(self, node: "onnx.NodeProto", index: int) -> float | None:
        value = self.constants.get(node.input[index]) if len(node.input) > index else None
        return None if value is None or value.size != 1 else float(value.ravel()[0])

    def _drop_unused(self) -> None:
        wanted = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                kept.append(node)
                wanted |= set(node.input)
        self.nodes = kept[::-1]


def attribute(node: "onnx.NodeProto", name: str, default: Any) -> Any:
    """Value of a node's attribute."""
    from onnx import helper

    return next((helper.get_attribute_value(found) for found in node.attribute if found.name == name), default)


def keeps_range(node: "onnx.NodeProto") -> bool:
    """Whether what a node makes lies within the range of what it reads."""
    return node.op_type in MOVEMENT and _resize_mode(node) != "cubic"


def copies(node: "onnx.NodeProto") -> bool:
    """Whether what a node makes are some of the values that it reads."""
    return node.op_type in MOVEMENT and _resize_mode(node) in ("", "nearest")


def _resize_mode(node: "onnx.NodeProto") -> str:
    return str(attribute(node, "mode", b"nearest").decode()) if node.op_type == "Resize" else ""
