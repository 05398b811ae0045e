"""FP16 for what an ONNX network computes in FP32, under strong typing: the types stand in the graph, no builder chooses them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnsupportedError
from workbench.lowering.graph import Graph
from workbench.lowering.weights import MATRIX_OPERATORS

if TYPE_CHECKING:
    import onnx

LARGEST = float(np.finfo(np.float16).max)
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)
# Inputs that ONNX defines as FP32 whatever the data's type.
ALWAYS_FP32 = {"Resize": (1, 2)}
FP32_ONLY = ("NonMaxSuppression",)


def to_half(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Let a network, of opset 19 or later where it has Q/DQ pairs, compute in FP16; its inputs and outputs stay FP32.

    Constants become FP16, the scales of pairs among them, so that DequantizeLinear gives FP16. A quantizer of an input reads
    FP32 as it comes. Raises UnsupportedError for operators that ONNX has in FP32 only, and for weights that FP16 cannot hold.
    """
    for node in model.graph.node:
        if node.op_type in FP32_ONLY:
            raise UnsupportedError(f"{node.op_type} {node.name!r} computes in FP32 only; leave it out of the network")
    graph = Graph(model)
    floats = {value.name for value in (*model.graph.input, *model.graph.output) if _is_float(value)}
    entries = [name for name in graph.inputs if name in floats]
    cast = {name: f"{name}.half" for name in entries}
    for node in graph.nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] in cast:
            continue
        fp32 = ALWAYS_FP32.get(node.op_type, ())
        node.input[:] = [
            name if place in fp32 else _half(graph, cast.get(name, name)) for place, name in enumerate(node.input)
        ]
        _cast_to_half(node)
    front = [_cast(name, made, half=True) for name, made in cast.items()]
    graph.nodes = [*front, *graph.nodes, *_outputs(graph, [name for name in graph.outputs if name in floats])]
    graph.refresh()
    return graph.to_model()


def _half(graph: Graph, name: str) -> str:
    """The FP16 copy of an FP32 constant; any other name as it is."""
    value = graph.constants.get(name)
    if value is None or value.dtype != np.float32:
        return name
    half = f"{name}.half"
    if half not in graph.constants:
        readers = graph.readers(name)
        is_weight = bool(readers) and all(reader.op_type in MATRIX_OPERATORS for reader in readers)
        graph.constants[half] = _weight(name, value) if is_weight else _nearest(value)
    return half


def _weight(name: str, value: NDArray[np.float32]) -> NDArray[np.float16]:
    """What is added up may well become 0, but not something smaller than it is."""
    if not np.abs(value).max(initial=0) <= LARGEST:
        raise UnsupportedError(f"weight {name!r} has values beyond {LARGEST:g}, the largest of FP16; run it in FP32")
    return value.astype(np.float16)


def _nearest(value: NDArray[np.float32]) -> NDArray[np.float16]:
    """The nearest values of FP16 that are finite, and not 0 where the constant is not.

    A limit or a mask of -1e9 still does its work at -65504, and an epsilon of 1e-12 must go on keeping a divisor from 0.
    """
    half: NDArray[np.float16] = value.clip(-LARGEST, LARGEST).astype(np.float16)
    return np.where((half == 0) & (value != 0), np.copysign(SMALLEST, value), half).astype(np.float16)


def _outputs(graph: Graph, names: list[str]) -> list["onnx.NodeProto"]:
    """Rename what makes each output, and cast that to FP32 under the output's name."""
    halves = {name: f"{name}.half" for name in sorted(names)}
    for node in graph.nodes:
        node.input[:] = [halves.get(name, name) for name in node.input]
        node.output[:] = [halves.get(name, name) for name in node.output]
    return [_cast(half, name, half=False) for name, half in halves.items()]


def _cast(source: str, made: str, *, half: bool) -> "onnx.NodeProto":
    from onnx import TensorProto, helper

    to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    return helper.make_node("Cast", [source], [made], name=f"{made}.Cast", to=to)


def _cast_to_half(node: "onnx.NodeProto") -> None:
    from onnx import TensorProto

    if node.op_type == "Cast":
        for found in node.attribute:
            if found.name == "to" and found.i == TensorProto.FLOAT:
                found.i = TensorProto.FLOAT16


def _is_float(value: "onnx.ValueInfoProto") -> bool:
    from onnx import TensorProto

    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT)
