"""What a runtime really executes, in the form that every session's `describe` gives."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

INT8 = "int8"
NAMES_SHOWN = 20
PROFILED_RUNS = 10
# What the runtimes call the same type.
TYPES = {"f32": "fp32", "float": "fp32", "f16": "fp16", "s8": INT8, "u8": INT8, "i8": INT8}


class Operator(NamedTuple):
    """One operator as it is executed: the runtime's words for it, for its name and for the type it computes in.

    `matrix` is true for convolutions and matrix products, which INT8 is about; `ms` is its share of one run, where known.
    """

    kind: str
    name: str
    computes_in: str
    matrix: bool
    ms: float = 0.0


def int8_facts(operators: Iterable[Operator], *, run_ms: float | None = None) -> dict[str, Any]:
    """The figures of `describe` from the operators of one run, of which `run_ms` is the whole time, framework included.

    - `operators`: how many of each kind are executed
    - `matrix_operators`: convolutions and matrix products by the type they compute in
    - `int8_share`: share of those that compute in INT8, by number; None when there are none
    - `int8_time_share`: share of the whole run's time that those take which compute in INT8; None when it was not profiled
    - `float_operators`, `float_names`: the ones that do not, how many of each kind, and the first of their names
    """
    every = [
        operator._replace(computes_in=TYPES.get(operator.computes_in, operator.computes_in)) for operator in operators
    ]
    matrix = [operator for operator in every if operator.matrix]
    in_int8 = [operator for operator in matrix if operator.computes_in == INT8]
    in_float = [operator for operator in matrix if operator.computes_in != INT8]
    return {
        "operators": dict(Counter(operator.kind for operator in every).most_common()),
        "matrix_operators": dict(Counter(operator.computes_in for operator in matrix).most_common()),
        "int8_share": len(in_int8) / len(matrix) if matrix else None,
        "int8_time_share": min(1.0, sum(operator.ms for operator in in_int8) / run_ms) if run_ms else None,
        "float_operators": dict(Counter(operator.kind for operator in in_float).most_common()),
        "float_names": [operator.name for operator in in_float[:NAMES_SHOWN]],
    }
