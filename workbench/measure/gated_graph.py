"""A float ONNX graph in which every layer's input and weight can be quantized by itself, by a gate, without rebuilding.

Each input of a convolution or matrix product goes through `If(gate, DQ(Q(x)), x)`. A weight's rounding error is added
behind its layer, `y + If(gate, layer(x, Wq - W), 0)`: a weight that passed a gate itself would no longer be a constant,
and the runtime would pack it anew on every run. A gate that is off costs next to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.simplify import original_weight
from workbench.models.scales import ActivationRange, Scales, Scheme

if TYPE_CHECKING:
    import onnx

GATES = "gates"
LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
INT8_TOP, UINT8_TOP = 127, 255
SMALLEST = 1e-30  # of a range: that of a tensor which was always zero


class Kind(StrEnum):
    """What a gate quantizes."""

    ACTIVATION = "activation"
    WEIGHT = "weight"


@dataclass(frozen=True)
class Gate:
    """One tensor that can be quantized: its name in the Paddle program, and the layers (their outputs) that read it."""

    kind: Kind
    tensor: str
    readers: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product of the graph, whose weight is a constant.

    `name` is that of its output; `activation` and `weight_name` are its input's and weight's in the Paddle program.
    """

    name: str
    node: "onnx.NodeProto"
    weight: NDArray[Any]
    activation: str

    @property
    def weight_name(self) -> str:
        """The weight's name, whatever the export folded into it."""
        return original_weight(str(self.node.input[1]))


@dataclass
class GatedGraph:
    """The graph, its gates in the order of the boolean input `gates`, and the names of the layers' outputs in order."""

    model: "onnx.ModelProto"
    gates: list[Gate] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    without_range: list[str] = field(default_factory=list)


def find_layers(model: "onnx.ModelProto", activation_of: Mapping[str, str]) -> list[Layer]:
    """The layers in order. `activation_of`: weight -> the activation its operator reads, in the Paddle program."""
    from onnx import numpy_helper

    stored = {initializer.name: initializer for initializer in model.graph.initializer}
    stored |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    return [
        Layer(
            str(node.output[0]),
            node,
            numpy_helper.to_array(stored[node.input[1]]),
            activation=activation_of.get(original_weight(node.input[1]), node.input[0]),
        )
        for node in model.graph.node
        if node.op_type in LAYERS and node.input[1] in stored and node.input[0] not in stored
    ]


def add_gates(
    model: "onnx.ModelProto", scales: Scales, *, activation_of: Mapping[str, str], scheme: Scheme
) -> GatedGraph:
    """Put gates at the input and behind the weight of every layer; changes and keeps `model`.

    Each layer's output becomes a graph output too. An input without a range in `scales` gets no gate and is listed.
    """
    from onnx import TensorProto, helper

    gated = GatedGraph(model)
    layers = find_layers(model, activation_of)
    additions = _Additions(gated, scales, scheme)
    new: list[onnx.NodeProto] = []
    by_output = {layer.name: layer for layer in layers}
    additions.plan(layers)
    for node in model.graph.node:
        layer = by_output.get(node.output[0])
        new.extend([node] if layer is None else additions.around(layer))
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(new)
    model.graph.input.append(helper.make_tensor_value_info(GATES, TensorProto.BOOL, [len(gated.gates)]))
    model.graph.initializer.extend(additions.constants)
    there = {output.name for output in model.graph.output}
    gated.layers = [layer.name for layer in layers]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in gated.layers if name not in there)
    return gated


class _Additions:
    """Makes the nodes that belong to a layer's gates."""

    def __init__(self, gated: GatedGraph, scales: Scales, scheme: Scheme) -> None:
        self._gated, self._scales, self._scheme = gated, scales, scheme
        self._activation_gates: dict[str, int] = {}
        self._weight_gates: dict[str, int] = {}
        self._made: set[str] = set()
        self.constants: list[onnx.TensorProto] = []

    def plan(self, layers: Sequence[Layer]) -> None:
        """Give every tensor its gate, in the order in which layers read them."""
        for layer in layers:
            if layer.activation in self._scales.activations:
                self._gate(Kind.ACTIVATION, layer.activation, layers, self._activation_gates)
            elif layer.activation not in self._gated.without_range:
                self._gated.without_range.append(layer.activation)
            self._gate(Kind.WEIGHT, layer.weight_name, layers, self._weight_gates)

    def around(self, layer: Layer) -> "list[onnx.NodeProto]":
        """The layer behind the gate of its input, and the error of its weight."""
        from onnx import helper

        nodes = []
        if layer.activation in self._activation_gates:
            nodes += self._quantized_input(layer)
        raw = f"{layer.name}.float_weight"
        delta = self._constant(f"{layer.name}.weight_error", weight_error(layer, self._scales))
        error = helper.make_node(layer.node.op_type, [layer.node.input[0], delta], [f"{layer.name}.error"])
        error.attribute.extend(layer.node.attribute)
        added = helper.make_node("Add", [raw, f"{layer.name}.error"], [f"{layer.name}.noisy"])
        plain = helper.make_node("Identity", [raw], [f"{layer.name}.plain"])
        gate = self._weight_gates[layer.weight_name]
        output = layer.name
        layer.node.output[0] = raw
        return [*nodes, layer.node, *self._if(gate, output, [error, added], [plain], key=f"{output}.weight_gate")]

    def _quantized_input(self, layer: Layer) -> "list[onnx.NodeProto]":
        """Let the layer read its input through a gate; layers with the same input share it."""
        from onnx import helper

        source = layer.node.input[0]
        target = f"{source}.gated"
        layer.node.input[0] = target
        if target in self._made:
            return []
        self._made.add(target)
        scale, zero_point = activation_parameters(self._scales.activations[layer.activation], self._scheme)
        parameters = [
            self._constant(f"{source}.scale", np.array(scale, np.float32)),
            self._constant(f"{source}.zero_point", zero_point),
        ]
        quantize = helper.make_node("QuantizeLinear", [source, *parameters], [f"{source}.integers"])
        dequantize = helper.make_node("DequantizeLinear", [f"{source}.integers", *parameters], [f"{source}.rounded"])
        plain = helper.make_node("Identity", [source], [f"{source}.plain"])
        gate = self._activation_gates[layer.activation]
        return self._if(gate, target, [quantize, dequantize], [plain], key=f"{source}.gate")

    def _if(
        self, gate: int, output: str, then: "list[onnx.NodeProto]", otherwise: "list[onnx.NodeProto]", *, key: str
    ) -> "list[onnx.NodeProto]":
        from onnx import helper

        index = self._constant(f"{key}.index", np.array(gate, np.int64))
        branches = {
            name: helper.make_graph(
                nodes, f"{key}.{name}", [], [helper.make_empty_tensor_value_info(nodes[-1].output[0])]
            )
            for name, nodes in (("then_branch", then), ("else_branch", otherwise))
        }
        return [
            helper.make_node("Gather", [GATES, index], [key], axis=0),
            helper.make_node("If", [key], [output], **branches),
        ]

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name

    def _gate(self, kind: Kind, tensor: str, layers: Sequence[Layer], numbers: dict[str, int]) -> None:
        if tensor in numbers:
            return
        numbers[tensor] = len(self._gated.gates)
        readers = [
            layer.name
            for layer in layers
            if tensor == (layer.activation if kind is Kind.ACTIVATION else layer.weight_name)
        ]
        self._gated.gates.append(Gate(kind, tensor, tuple(readers)))


def activation_parameters(found: ActivationRange, scheme: Scheme) -> tuple[float, NDArray[Any]]:
    """Scale and zero point (int8 or uint8, no axes) of an activation."""
    if scheme is Scheme.SYMMETRIC:
        return found.absmax / INT8_TOP, np.array(0, np.int8)
    scale = max(found.maximum - found.minimum, SMALLEST) / UINT8_TOP
    return scale, np.array(np.clip(round(-found.minimum / scale), 0, UINT8_TOP), np.uint8)


def weight_error(layer: Layer, scales: Scales) -> NDArray[np.float32]:
    """What rounding to int8 adds to a layer's weight: one scale per output channel, from `scales` where it has them."""
    weight = layer.weight
    known = scales.weights.get(str(layer.node.input[1]))  # not when something was folded into the weight
    axis = _output_axis(layer)
    absmax = np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis))
    if known is not None and len(known.absmax) in (1, absmax.size):
        absmax = np.broadcast_to(np.array(known.absmax, np.float32), absmax.shape)
    shape = [1] * weight.ndim
    shape[axis] = -1
    scale = (np.maximum(absmax, SMALLEST) / INT8_TOP).reshape(shape)
    rounded = np.rint(weight / scale).clip(-INT8_TOP, INT8_TOP) * scale
    error: NDArray[np.float32] = (rounded - weight).astype(np.float32)
    return error


def _output_axis(layer: Layer) -> int:
    """The axis of the weight along which its output channels lie."""
    if layer.node.op_type == "Conv":
        return 0
    if layer.node.op_type == "ConvTranspose":
        return 1
    transposed = any(attribute.name == "transB" and attribute.i for attribute in layer.node.attribute)
    return 0 if transposed else layer.weight.ndim - 1
