"""Writing the Q/DQ pairs of a plan into its graph."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.graph import attribute
from workbench.lowering.plan import Dialect, Plan
from workbench.lowering.ranges import Quantizer
from workbench.lowering.simplify import original_weight
from workbench.lowering.weights import bias_of, channel_axis, quantize_bias, quantize_weight

if TYPE_CHECKING:
    import onnx


def write_pairs(plan: Plan, dialect: Dialect) -> None:
    """Insert all pairs and int8 weights; the graph stays in topological order."""
    writer = _Writer(plan, dialect)
    written = [node for tensor in plan.graph.inputs for node in writer.pair(tensor)]
    for node in plan.graph.nodes:
        behind = [pair for tensor in node.output for pair in writer.pair(tensor)]
        written += [*writer.stored(node), node, *behind]
        writer.read_pairs(node)
    plan.graph.nodes = written
    plan.graph.refresh()


class _Writer:
    def __init__(self, plan: Plan, dialect: Dialect) -> None:
        self._plan = plan
        self._graph = plan.graph
        self._dialect = dialect
        self._quantizers: dict[str, Quantizer] = {
            tensor: self._storable(dialect.quantizer(interval, plan.graph.bounds(tensor)))
            for tensor, interval in plan.ranges.resolve(plan.pairs).items()
        }

    def _storable(self, quantizer: Quantizer) -> Quantizer:
        return replace(quantizer, scale=np.float32(self._dialect.storable(np.asarray(quantizer.scale))))

    def pair(self, tensor: str) -> list["onnx.NodeProto"]:
        """The nodes of a tensor's pair, if it carries one."""
        from onnx import helper

        quantizer = self._quantizers.get(tensor)
        if quantizer is None:
            return []
        parameters = [
            self._graph.add_constant(f"{tensor}.scale", quantizer.scale),
            self._graph.add_constant(f"{tensor}.zero_point", quantizer.zero_point),
        ]
        stored = f"{tensor}.quantized"
        return [
            helper.make_node("QuantizeLinear", [tensor, *parameters], [stored], name=f"{tensor}.Quantize"),
            helper.make_node("DequantizeLinear", [stored, *parameters], [_read(tensor)], name=f"{tensor}.Dequantize"),
        ]

    def read_pairs(self, node: "onnx.NodeProto") -> None:
        """Let a node read its inputs through the pairs that the plan gives it."""
        node.input[:] = [_read(name) if self._plan.reads_pair(node, name) else name for name in node.input]

    def stored(self, node: "onnx.NodeProto") -> list["onnx.NodeProto"]:
        """Replace a matrix operator's stored weight and bias; returns the nodes that dequantize them."""
        if node.output[0] not in self._plan.int8_weights:
            return []
        if node.output[0] in self._plan.as_convolutions:
            self._become_convolution(node)
        source, name = node.input[:2]
        bias = bias_of(self._graph, node) if self._dialect.int32_bias else None
        input_scale = 1.0 if bias is None else float(self._quantizers[source].scale)
        weight = quantize_weight(
            self._graph.constants[name],
            channel_axis(node),
            known=self._plan.weight_ranges.get(name),
            bias=bias,
            input_scale=input_scale,
            storable=self._dialect.storable,
        )
        label = node.output[0]
        node.input[1] = f"{label}.weight"
        nodes = [self._dequantize(original_weight(name), weight.values, weight.scale, node.input[1], axis=weight.axis)]
        if bias is not None:
            scale = weight.scale * np.float32(input_scale)
            scale = np.tile(scale, bias.size // scale.size)
            node.input[2] = f"{label}.bias"
            nodes.append(self._dequantize(f"{label}.bias", quantize_bias(bias, scale), scale, node.input[2], axis=0))
        return nodes

    def _become_convolution(self, average: "onnx.NodeProto") -> None:
        """Turn an average, in place, into a depthwise convolution by equal weights, which int8 holds exactly."""
        from onnx import helper

        channels, window = self._graph.shape(average.input[0])[1], attribute(average, "kernel_shape", [])
        others = [found for found in average.attribute if found.name in ("kernel_shape", "strides", "pads")]
        weight = np.full((channels, 1, *window), 1 / math.prod(window), np.float32)
        average.input.append(self._graph.add_constant(f"{average.output[0]}.window", weight))
        average.op_type = "Conv"
        del average.attribute[:]
        average.attribute.extend([*others, helper.make_attribute("group", channels)])

    def _dequantize(
        self, name: str, values: NDArray[Any], scale: NDArray[np.float32], output: str, *, axis: int
    ) -> "onnx.NodeProto":
        from onnx import helper

        inputs = [
            self._graph.add_constant(f"{name}.int", values),
            self._graph.add_constant(f"{name}.scale", scale),
            self._graph.add_constant(f"{name}.zero_point", np.zeros(scale.shape, values.dtype)),
        ]
        return helper.make_node("DequantizeLinear", inputs, [output], name=f"{output}.Dequantize", axis=axis)


def _read(tensor: str) -> str:
    return f"{tensor}.dequantized"
