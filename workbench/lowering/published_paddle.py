"""PaddleSlim's format (`onnx_format=True`) taken apart: quantize_linear and dequantize_linear with their scales, around a float program."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UnsupportedError
from workbench.lowering.onnx_export import export_program, refuse_old_format
from workbench.lowering.ranges import INT8_TOP
from workbench.lowering.taken_apart import TakenApart, activation_range, along, weight_range
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.model import Model

if TYPE_CHECKING:
    from workbench.models.scales import ActivationRange, WeightRange


def take_apart_paddle(source: Model, *, opset: int) -> TakenApart:
    """The float ONNX network of a Paddle Model that others quantized, and its ranges; not simplified.

    Raises UnsupportedError for PaddleSlim's old format and for other widths than 8 bits. Call it in a worker only.
    """
    refuse_old_format(source)
    graph = ProgramGraph.load(source.paddle_prefix)
    activations: dict[str, ActivationRange] = {}
    weights: dict[str, WeightRange] = {}
    for op in [op for op in graph.ops if op.type in ("quantize_linear", "dequantize_linear")]:
        if op.attr("bit_length") != 8:
            raise UnsupportedError(
                f"model {source.label}: quantized to {op.attr('bit_length')} bits, where INT8 is wanted"
            )
        name, made = op.input("X")[0], op.output("Y")[0]
        # A variable called scale holds the largest value, which stands for 127.
        absmax = graph.value(op.input("Scale")[0]).reshape(-1)
        if graph.is_weight(name):
            weights[name] = _weight(graph, op, absmax / INT8_TOP)
        elif op.type == "quantize_linear":
            activations[name] = activation_range(-float(absmax.max()), float(absmax.max()))
        graph.replace_reads(made, name)
        graph.remove([op])
    with tempfile.TemporaryDirectory() as scratch:
        graph.save(Path(scratch) / "model")
        return TakenApart(export_program(source, Path(scratch) / "model", opset=opset), activations, weights)


def _weight(graph: ProgramGraph, op: Any, scale: Any) -> "WeightRange":
    """The range of a stored weight, which becomes float where it lies in int8."""
    name, axis = op.input("X")[0], max(int(op.attr("quant_axis")), 0)
    value = graph.value(name)
    if op.type == "dequantize_linear":
        graph.add_weight(name, value.astype(np.float32) * along(scale, axis, value.ndim).astype(np.float32))
    return weight_range(scale, axis, channels=value.shape[axis])
