"""Simplifying an exported ONNX network offline, so that every runtime sees one plain graph; tensor names keep their meaning."""

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lowering.graph import Graph
from workbench.lowering.shapes import fix_reshapes, fix_resizes, known_shapes

if TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)

FOLDED = ".folded"


def simplify(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The same function in fewer operators: constants folded, biases and batch norms in the convolutions, Gemm for MatMul + Add.

    Inputs, outputs and dynamic axes stay. A tensor that is left has the name, and the values, that it had before; a
    weight that something was folded into is called `<old name>.folded`.
    """
    drop_identities(model)
    weights = _weights_by_node(model)
    folded = _fold(model)
    if any(node.domain not in ("", "ai.onnx") for node in folded.graph.node):
        logger.warning("simplifying brought in operators that only ONNX Runtime knows; the graph stays as exported")
        folded = model
    graph = Graph(folded)
    fix_reshapes(graph)
    fix_resizes(graph, known_shapes(folded))
    for node in graph.nodes:
        old = weights.get(node.name)
        if old is not None and node.input[1] in graph.constants and node.input[1] != old:
            graph.rename_constant(node.input[1], old + FOLDED)
    return graph.to_model()


def original_weight(name: str) -> str:
    """The name that a weight had in the Paddle program."""
    return name.removesuffix(FOLDED)


def drop_identities(model: "onnx.ModelProto") -> None:
    """Remove Identity nodes, in place. Where the exporter put one behind a node, the node's output takes over its name.

    paddle2onnx gives names of its own to outputs that it may have to cast, and the Paddle name to the Identity behind.
    """
    nodes = model.graph.node
    makers = {name: node for node in nodes for name in node.output}
    outputs = {value.name for value in model.graph.output}
    names: dict[str, str] = {}
    dropped = set()
    for node in nodes:
        if node.op_type != "Identity":
            continue
        source, output = node.input[0], node.output[0]
        maker = makers.get(source)
        free = maker is not None and maker.op_type != "Identity" and source not in outputs and source not in names
        if free and (output in outputs or (_made_up(source, maker) and not _made_up(output, node))):
            names[source] = output
            dropped.add(output)
        elif output not in outputs:
            names[output] = source
            dropped.add(output)
    kept = [node for node in nodes if node.op_type != "Identity" or node.output[0] not in dropped]
    for node in kept:
        node.input[:] = [_follow(names, name) for name in node.input]
        node.output[:] = [_follow(names, name) for name in node.output]
    del nodes[:], model.graph.value_info[:]
    nodes.extend(kept)


def _made_up(name: str, maker: "onnx.NodeProto | None") -> bool:
    """Whether paddle2onnx invented the name; a Paddle variable's looks otherwise."""
    return maker is not None and name.startswith(("auto.", "helper.", f"{maker.op_type}."))


def _follow(names: dict[str, str], name: str) -> str:
    while name in names:
        name = names[name]
    return name


def _weights_by_node(model: "onnx.ModelProto") -> dict[str, str]:
    kinds = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return {node.name: node.input[1] for node in model.graph.node if node.op_type in kinds and node.name}


def _fold(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """ONNX Runtime's basic level, which stays within standard operators and gives a fused result its last operator's name."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(scratch) / "folded.onnx")
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)
