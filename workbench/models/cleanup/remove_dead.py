"""Operators whose results nobody needs."""

from workbench.models.cleanup.program_graph import PLUMBING, ProgramGraph

ACTING = frozenset({*PLUMBING, "print", "assert", "py_func", "save", "save_combine", "send", "send_v2"})


def remove_dead(graph: ProgramGraph) -> int:
    """Remove the operators from which no output of the model follows; returns how many."""
    removed = 0
    for op in reversed(graph.ops):
        if op.type not in ACTING and not any(graph.readers(name) for name in op.output_arg_names):
            graph.remove([op])
            removed += 1
    return removed
