"""Reshapes that were exported for a batch of one let through a batch of any size."""

import math
from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph


def free_batch(graph: ProgramGraph) -> int:
    """Let reshapes to [1, ...] keep the batch axis, in a network that takes any batch and then fails on it; returns how many.

    Only where one of them can work for a batch of one alone: its other axes are fixed and hold exactly one sample. What
    such a network computes for other batches is an error, so nothing that worked changes. Networks whose inputs have a
    fixed batch keep it.
    """
    if not any(_is_baked(graph, op) for op in graph.ops):
        return 0
    return sum(_free(graph, op) for op in graph.ops)


def _is_baked(graph: ProgramGraph, op: Any) -> bool:
    return _sample_shape(graph, op) is not None and -1 not in op.attr("shape")


def _free(graph: ProgramGraph, op: Any) -> bool:
    """Keep the batch axis in a reshape; shapes are inferred again all along, since the batch comes through now."""
    shape = _sample_shape(graph, op)
    if shape is not None:
        op._set_attr("shape", [0, *shape])
    graph.infer_shape(op)
    return shape is not None


def _sample_shape(graph: ProgramGraph, op: Any) -> list[int] | None:
    """The shape of one sample after a reshape from [any, ...] to [1, ...]; None for other operators."""
    if op.type != "reshape2" or len(op.input_arg_names) > 1:
        return None
    before, (batch, *after) = graph.shape(op.input("X")[0]), op.attr("shape")
    if before[0] != -1 or -1 in before[1:] or batch != 1 or 0 in after:
        return None
    size, fixed = math.prod(before[1:]), math.prod(axis for axis in after if axis != -1)
    if size % fixed or (-1 not in after and size != fixed):
        return None
    return [size // fixed if axis == -1 else axis for axis in after]
