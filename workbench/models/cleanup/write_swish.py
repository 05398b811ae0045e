"""x * sigmoid(x) as the one operator that runtimes fuse into the convolution before."""

from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph


def write_swish(graph: ProgramGraph) -> int:
    """Turn `silu(x)` and `x * sigmoid(x)` into `swish(x)`, whose beta is 1; returns how many.

    Of the three, Paddle Inference 3.0.0 has a oneDNN kernel for `swish` alone, and fuses it behind a convolution. The others run
    outside oneDNN, between two changes of layout.
    """
    # All at once: an operator that was taken out must not be asked for its type.
    found = [op for op in graph.ops if op.type in ("silu", "sigmoid")]
    return sum(_rewrite(graph, op) for op in found)


def _rewrite(graph: ProgramGraph, op: Any) -> bool:
    replaced = [op] if op.type == "silu" else _with_product(graph, op)
    if not replaced:
        return False
    source, out = str(op.input("X")[0]), str(replaced[-1].output("Out")[0])
    graph.insert("swish", inputs={"X": [source]}, outputs={"Out": [out]}, attrs={"beta": 1.0}, after=replaced[-1])
    graph.remove(replaced)
    return True


def _with_product(graph: ProgramGraph, sigmoid: Any) -> list[Any]:
    """A sigmoid and the one operator that reads it, if that multiplies what the sigmoid reads; otherwise nothing."""
    source, gate = str(sigmoid.input("X")[0]), str(sigmoid.output("Out")[0])
    product = graph.only_reader(gate)
    if product is None or product.type != "elementwise_mul":
        return []
    return [sigmoid, product] if {product.input("X")[0], product.input("Y")[0]} == {source, gate} else []
