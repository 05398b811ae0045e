"""Making shapes constant that a dynamic batch axis alone keeps from being so."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lowering.graph import Graph

if TYPE_CHECKING:
    import onnx

KEEP = 0  # in the shape that Reshape is given: the axis keeps its length


def fix_reshapes(graph: Graph) -> None:
    """Reshape(x, Concat(batch of x, constants)) takes a constant shape, with 0 for the batch."""
    for node in graph.nodes:
        if node.op_type == "Reshape" and (rest := _behind_axes_of(graph, node.input[1], node.input[0], count=1)):
            node.input[1] = graph.add_constant(f"{node.output[0]}.shape", np.array([KEEP, *rest], np.int64))


def fix_resizes(graph: Graph, shapes: dict[str, list[int]]) -> None:
    """Resize(x, sizes = Concat(batch and channels of x, height, width)) takes constant factors.

    `shapes`: tensor -> lengths of its axes, 0 where one is dynamic.
    """
    for node in graph.nodes:
        if node.op_type != "Resize" or len(node.input) < 4:
            continue
        wanted = _behind_axes_of(graph, node.input[3], node.input[0], count=2)
        lengths = shapes.get(node.input[0], [])[2:]
        if not wanted or len(lengths) != len(wanted) or not all(lengths):
            continue
        factors = np.array([1, 1, *np.divide(wanted, lengths)], np.float32)
        # The runtime rounds down; only then does it come to the same size.
        if np.array_equal(np.floor(factors[2:] * np.array(lengths, np.float32)), wanted):
            node.input[2] = graph.add_constant(f"{node.output[0]}.factors", factors)
            del node.input[3:]


def known_shapes(model: "onnx.ModelProto") -> dict[str, list[int]]:
    """Lengths of the axes of each tensor, 0 where one is dynamic, as far as shape inference tells."""
    from onnx import shape_inference

    graph = shape_inference.infer_shapes(model).graph
    return {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info)
    }


def _behind_axes_of(graph: Graph, shape: str, tensor: str, *, count: int) -> list[Any]:
    """The constants behind the first `count` axes of `tensor` in a computed shape; empty when it is not made like that."""
    joined = graph.maker(shape)
    if joined is None or joined.op_type != "Concat":
        return []
    first, *others = joined.input
    cut = graph.maker(first)
    measured = graph.maker(cut.input[0]) if cut is not None and cut.op_type == "Slice" else None
    if cut is None or measured is None or measured.op_type != "Shape" or measured.input[0] != tensor:
        return []
    bounds = [graph.constants.get(name, np.array([])).tolist() for name in cut.input[1:3]]
    if bounds != [[0], [count]] or any(name not in graph.constants for name in others):
        return []
    return [length for name in others for length in graph.constants[name].tolist()]
