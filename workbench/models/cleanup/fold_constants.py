"""Parts of a network that give the same value for every input become stored weights."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import import_paddle
from workbench.models.cleanup.operators import PRODUCTS
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.remove_dead import remove_dead

LARGEST = 1_000_000
"""Elements of a constant beyond which it must not be larger than what it is computed from."""

PURE = PRODUCTS | {
    "abs", "arange", "assign", "assign_value", "cast", "ceil", "concat", "cumsum", "elementwise_add", "elementwise_div",
    "elementwise_floordiv", "elementwise_max", "elementwise_min", "elementwise_mod", "elementwise_mul", "elementwise_pow",
    "elementwise_sub", "equal", "exp", "expand_v2", "fill_any_like", "fill_constant", "flatten_contiguous_range", "floor",
    "gather", "gather_nd", "greater_equal", "greater_than", "less_equal", "less_than", "linspace", "log", "meshgrid",
    "not_equal", "pow", "range", "reduce_prod", "reduce_sum", "reshape2", "rsqrt", "scale", "slice", "split",
    "sqrt", "squeeze2", "stack", "strided_slice", "tile", "transpose2", "tril_triu", "unsqueeze2", "where",
}  # fmt: skip
STORABLE = frozenset({"float32", "float64", "int32", "int64", "bool"})


def fold_constants(graph: ProgramGraph) -> int:
    """Evaluate, with Paddle's own executor, what depends on weights and fixed shapes only, and store it; returns how many values."""
    shapes = _fixed_shapes(graph)
    for name, shape in shapes.items():
        _replace(graph, name, shape)
    constant = _constant_operators(graph)
    computed = {name for op in constant for name in op.output_arg_names}
    wanted = sorted(name for name in computed if any(reader not in constant for reader in graph.readers(name)))
    values = _evaluate(graph, constant, wanted) if wanted else {}
    for name, value in values.items():
        _replace(graph, name, value)
    remove_dead(graph)
    return len(shapes) + len(values)


def _fixed_shapes(graph: ProgramGraph) -> dict[str, NDArray[Any]]:
    """The results of `shape` operators on tensors whose shape is known; they are int32."""
    asked = {str(op.output("Out")[0]): graph.shape(op.input("Input")[0]) for op in graph.ops if op.type == "shape"}
    return {
        name: np.array(shape, np.int32)
        for name, shape in asked.items()
        if -1 not in shape and name not in graph.fetches and graph.readers(name)
    }


def _constant_operators(graph: ProgramGraph) -> list[Any]:
    found: list[Any] = []
    names: set[str] = set()
    for op in graph.ops:
        inputs = op.input_arg_names
        if (
            op.type in PURE
            and all(graph.is_weight(name) or name in names for name in inputs)
            and not set(op.output_arg_names) & set(graph.fetches)
            and not _is_too_large(graph, op)
        ):
            found.append(op)
            names.update(op.output_arg_names)
    return found


def _is_too_large(graph: ProgramGraph, op: Any) -> bool:
    def elements(names: list[str]) -> int:
        return sum(abs(math.prod(graph.shape(name))) for name in names)

    # XShape holds no data: reshape2 and its kin remember a shape in it.
    made = [name for slot in op.output_names if slot != "XShape" for name in op.output(slot)]
    return elements(made) > max(LARGEST, elements(op.input_arg_names))


def _evaluate(graph: ProgramGraph, constant: list[Any], wanted: list[str]) -> dict[str, NDArray[Any]]:
    paddle = import_paddle()
    part = paddle.static.Program.parse_from_string(graph.program.desc.serialize_to_string())
    block, whole = part.global_block(), graph.ops
    for index in reversed(range(len(whole))):
        if whole[index] not in constant:
            block._remove_op(index, sync=False)
    with paddle.static.scope_guard(graph.scope):
        values = paddle.static.Executor(paddle.CPUPlace()).run(part, fetch_list=wanted)
    named = {name: np.asarray(value) for name, value in zip(wanted, values, strict=True)}
    return {name: value for name, value in named.items() if str(value.dtype) in STORABLE}


def _replace(graph: ProgramGraph, name: str, value: NDArray[Any]) -> None:
    graph.replace_reads(name, graph.add_weight(graph.new_name(f"{name}.constant"), value))
