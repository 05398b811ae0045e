"""Operators that give back what they get."""

from collections.abc import Callable, Mapping
from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph


def remove_identities(graph: ProgramGraph) -> int:
    """Remove copies, scaling by 1, inference-time dropout, and casts, reshapes and transposes to the same; returns how many."""
    return sum(_bypass(graph, op) for op in graph.ops if op.type in IDENTITIES and IDENTITIES[op.type](graph, op))


def _bypass(graph: ProgramGraph, op: Any) -> bool:
    source, target = str(op.input("X")[0]), str(op.output("Out")[0])
    if target not in graph.fetches:
        graph.replace_reads(target, source)
    elif source in graph.fetches or source in graph.feeds or (writer := graph.producer(source)) is None:
        return False
    else:
        # The model's output keeps its name: whoever computes the value writes it there.
        graph.remove([op])
        slot = next(slot for slot in writer.output_names if source in writer.output(slot))
        graph.set_output(writer, slot, [target if name == source else name for name in writer.output(slot)])
        graph.replace_reads(source, target)
        return True
    graph.remove([op])
    return True


def _same_shape(graph: ProgramGraph, op: Any) -> bool:
    before, after = graph.shape(op.input("X")[0]), graph.shape(op.output("Out")[0])
    return before == after and before.count(-1) == 0


def _scales_by_one(graph: ProgramGraph, op: Any) -> bool:
    # A tensor can take the attribute's place.
    return bool(op.attr("scale") == 1 and op.attr("bias") == 0 and not _inputs(op, "ScaleTensor"))


def _drops_nothing(graph: ProgramGraph, op: Any) -> bool:
    kept = op.attr("dropout_implementation") == "upscale_in_train" or op.attr("dropout_prob") == 0
    return bool(op.attr("is_test")) and kept


def _keeps_dtype(graph: ProgramGraph, op: Any) -> bool:
    return bool(graph.dtype(op.input("X")[0]) == graph.dtype(op.output("Out")[0]))


def _keeps_order(graph: ProgramGraph, op: Any) -> bool:
    axes = list(op.attr("axis"))
    return axes == sorted(axes)


def _inputs(op: Any, slot: str) -> list[str]:
    return list(op.input(slot)) if slot in op.input_names else []


IDENTITIES: Mapping[str, Callable[[ProgramGraph, Any], bool]] = {
    "assign": lambda graph, op: True,
    "share_data": lambda graph, op: True,
    "scale": _scales_by_one,
    "dropout": _drops_nothing,
    "cast": _keeps_dtype,
    "reshape2": _same_shape,
    "transpose2": _keeps_order,
}
