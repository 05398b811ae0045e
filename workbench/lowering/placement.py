"""Placing Q/DQ pairs on a float ONNX network: a dialect's rules decide where, the writer writes them.

The nodes are visited from the outputs to the inputs, so a rule knows whether what its node makes is read in INT8.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UnsupportedError
from workbench.lowering.graph import Graph
from workbench.lowering.plan import Dialect, Plan
from workbench.lowering.ranges import Ranges
from workbench.lowering.simplify import original_weight
from workbench.lowering.weights import MATRIX_OPERATORS
from workbench.lowering.writer import write_pairs
from workbench.models.scales import ALL_BACKENDS, Scales

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class FloatOperator:
    """Matrix operators of one kind that stay in float for one reason."""

    operator: str
    count: int
    reason: str


@dataclass(frozen=True)
class Placement:
    """The network with its Q/DQ pairs, and what stays in float."""

    model: "onnx.ModelProto"
    float_operators: tuple[FloatOperator, ...]
    unknown_operators: tuple[str, ...]
    unmatched: tuple[str, ...]


def place(model: "onnx.ModelProto", scales: Scales, *, dialect: Dialect) -> Placement:
    """Quantize a simplified float network by a dialect; `model` itself is changed.

    Raises UnsupportedError when the scales are empty or none of them belongs to a tensor of the network.
    """
    graph = Graph(model)
    _check_mapping(graph, scales)
    plan = Plan(
        graph,
        Ranges(graph, scales, backend=dialect.backend),
        scales.weights,
        scales.kept_in_float.get(ALL_BACKENDS, {}) | scales.kept_in_float.get(dialect.backend, {}),
    )
    activations = graph.float_activations()
    unknown: set[str] = set()
    for node in reversed(graph.nodes):
        rules = dialect.rules_for(node)
        for rule in rules:
            rule(plan, node)
        plan.visited(node)
        if activations.intersection(node.input) and not rules and node.op_type not in dialect.better_in_float:
            unknown.add(node.op_type)
        if node.op_type == "MatMul" and activations.issuperset(node.input):
            unknown.add("MatMul of two activations")
    unmatched = _unmatched(graph, plan.kept)
    floats = _float_operators(graph, plan)
    write_pairs(plan, dialect)
    return Placement(graph.to_model(), floats, tuple(sorted(unknown)), unmatched)


def _check_mapping(graph: Graph, scales: Scales) -> None:
    if not scales.activations:
        raise UnsupportedError("the quantized model has no activation ranges; calibrate it with the workbench")
    if not any(graph.maker(name) or name in graph.inputs for name in scales.activations):
        raise UnsupportedError(
            f"none of the {len(scales.activations)} ranges, {next(iter(scales.activations))!r} among them, belongs to a tensor "
            "of the exported float network; quantize the model again"
        )


def _unmatched(graph: Graph, kept: Iterable[str]) -> tuple[str, ...]:
    """Names to be kept in float that the network does not have."""
    weights = {original_weight(name) for name in graph.constants}
    return tuple(sorted(name for name in kept if not (graph.readers(name) or name in weights)))


def _float_operators(graph: Graph, plan: Plan) -> tuple[FloatOperator, ...]:
    found = Counter(
        (node.op_type, plan.float_reasons.get(node.output[0], "no rule quantizes it"))
        for node in graph.nodes
        if node.op_type in MATRIX_OPERATORS and node.output[0] not in plan.int8_weights
    )
    return tuple(FloatOperator(kind, count, reason) for (kind, reason), count in found.most_common())


def facts(placement: Placement) -> dict[str, Any]:
    """What a manifest says of a placement."""
    return {
        "float_operators": [asdict(found) for found in placement.float_operators],
        "unknown_operators": list(placement.unknown_operators),
        "kept_but_not_found": list(placement.unmatched),
    }
