"""A mean over the picture as the pooling that runtimes have a kernel for."""

from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph

PICTURE = ([2, 3], [-2, -1])


def write_global_pool(graph: ProgramGraph) -> int:
    """Turn `reduce_mean` over height and width into a global average `pool2d`; returns how many.

    oneDNN computes the mean by its reference kernel, the pooling by a compiled one (paddlepaddle 3.0.0).
    """
    return sum(_rewrite(graph, op) for op in graph.ops if op.type == "reduce_mean" and _over_picture(graph, op))


def _over_picture(graph: ProgramGraph, op: Any) -> bool:
    rank = len(graph.shape(op.input("X")[0]))
    return rank == 4 and sorted(op.attr("dim")) in PICTURE and op.attr("keep_dim") and not op.attr("reduce_all")


def _rewrite(graph: ProgramGraph, mean: Any) -> bool:
    graph.insert(
        "pool2d",
        inputs={"X": list(mean.input("X"))}, outputs={"Out": list(mean.output("Out"))},
        attrs={"pooling_type": "avg", "ksize": [1, 1], "global_pooling": True}, after=mean,
    )  # fmt: skip
    graph.remove([mean])
    return True
