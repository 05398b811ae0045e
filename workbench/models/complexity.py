"""How much a network computes, from the shapes of its Paddle program."""

import math
from typing import Any

from workbench.models.cleanup.program_graph import stored_variables

CONVOLUTIONS = ("conv2d", "depthwise_conv2d")
TRANSPOSED = ("conv2d_transpose", "depthwise_conv2d_transpose")
TRANSPOSES_FIRST = {"matmul": "transpose_X", "matmul_v2": "trans_x"}  # name of the attribute

Shape = tuple[int, ...]


def complexity(program: Any) -> dict[str, float | None]:
    """What a manifest says of it: `params_m`, millions of parameters, and `gflops` of one sample, as `multiply_adds` counts."""
    parameters = sum(math.prod(variable.shape) for variable in stored_variables(program))
    products = multiply_adds(program)
    return {
        "params_m": round(parameters / 1e6, 4),
        "gflops": None if products is None else round(products / 1e9, 4),
    }


def multiply_adds(program: Any) -> int | None:
    """Multiply-adds of a static program's convolutions and matrix products for one sample; None when a shape is unknown.

    PaddleSlim's `flops` counts convolutions alike, but takes every matrix product for one of two matrices; and importing it
    loads scipy and pyplot, which takes longer than paddle itself.
    """
    variables = {variable.name: variable for variable in program.list_vars()}
    total = 0
    for op in (op for block in program.blocks for op in block.ops):
        factors = _factors(op, variables)
        if factors and min(factors) < 0:
            return None
        total += math.prod(factors) if factors else 0
    return total


def _factors(op: Any, variables: dict[str, Any]) -> Shape:
    """Those of one operator are the product of these, -1 among them for an unknown axis; empty when it has none."""

    def shape(names: list[str]) -> Shape:
        return tuple(variables[names[0]].shape)

    if op.type in CONVOLUTIONS:
        return shape(op.output("Output"))[1:] + shape(op.input("Filter"))[1:]
    if op.type in TRANSPOSED:
        return shape(op.input("Input"))[1:] + shape(op.input("Filter"))[1:]
    if op.type == "mul":
        return (*shape(op.output("Out"))[1:], shape(op.input("Y"))[0])
    if op.type in TRANSPOSES_FIRST:
        first = shape(op.input("X"))
        summed = first[-2 if len(first) > 1 and op.attr(TRANSPOSES_FIRST[op.type]) else -1]
        return (*shape(op.output("Out"))[1:], summed)
    return ()
