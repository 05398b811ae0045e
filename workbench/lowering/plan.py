"""What a dialect is, and the plan that its rules fill in: where Q/DQ pairs go and what stays in float."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.graph import Graph
from workbench.lowering.ranges import Interval, Quantizer, Ranges, unsigned
from workbench.lowering.simplify import original_weight
from workbench.models.scales import WeightRange

if TYPE_CHECKING:
    import onnx

Rule = Callable[["Plan", "onnx.NodeProto"], None]
RuleType = TypeVar("RuleType", bound=Rule)
FUSED_ACTIVATIONS = ("Relu", "Clip")


def handles(*operators: str) -> Callable[[RuleType], RuleType]:
    """Say which operators a rule is for."""

    def mark(rule: RuleType) -> RuleType:
        rule.operators = frozenset(operators)  # type: ignore[attr-defined]
        return rule

    return mark


@dataclass(frozen=True)
class Dialect:
    """What one backend wants: the rules, applied to each node in this order, and how numbers are stored."""

    backend: str
    rules: tuple[Rule, ...]
    better_in_float: frozenset[str]
    int32_bias: bool
    quantizer: Callable[[Interval, tuple[float, float]], Quantizer] = unsigned
    scale_type: type[np.floating[Any]] = np.float32
    smallest_scale: float = float(np.finfo(np.float32).tiny)

    def rules_for(self, node: "onnx.NodeProto") -> list[Rule]:
        """The rules that look at a node of this kind."""
        return [rule for rule in self.rules if node.op_type in rule.operators]  # type: ignore[attr-defined]

    def storable(self, scale: NDArray[Any]) -> NDArray[np.float32]:
        """The nearest scales that the backend can hold: none too small, all values of `scale_type`, as float32."""
        clamped: NDArray[np.float32] = np.maximum(scale, self.smallest_scale).astype(self.scale_type).astype(np.float32)
        return clamped


@dataclass
class Plan:
    """What the rules decide: which tensors carry a pair, who reads it, which weights become int8.

    `pairs`: tensor -> first outputs of the nodes that read the pair, or None for all readers. `as_convolutions`: outputs of the
    averages that are to be written as convolutions by equal weights.
    """

    graph: Graph
    ranges: Ranges
    weight_ranges: dict[str, WeightRange]
    kept: dict[str, str]
    pairs: dict[str, set[str] | None] = field(default_factory=dict)
    int8_weights: set[str] = field(default_factory=set)
    as_convolutions: set[str] = field(default_factory=set)
    float_reasons: dict[str, str] = field(default_factory=dict)
    _leading: set[str] = field(default_factory=set)

    def pair(self, *tensors: str) -> None:
        """Put pairs on the tensors, for all their readers."""
        self.pairs.update(dict.fromkeys(tensors))

    def pair_for(self, tensor: str, reader: "onnx.NodeProto") -> None:
        """Put a pair on the tensor, for one of its readers."""
        readers = self.pairs.setdefault(tensor, set())
        if readers is not None:
            readers.add(reader.output[0])

    def reads_pair(self, node: "onnx.NodeProto", tensor: str) -> bool:
        """Whether the node reads the tensor through a pair."""
        readers = self.pairs.get(tensor, set())
        return readers is None or node.output[0] in readers

    def carries_pair(self, tensor: str) -> bool:
        """Whether some node reads the tensor in INT8."""
        return tensor in self.pairs

    def leads_to_int8(self, tensor: str) -> bool:
        """Whether a node that reads INT8 lies anywhere behind the tensor; where none does, it is part of a head."""
        return tensor in self._leading

    def with_activation(self, node: "onnx.NodeProto") -> str:
        """The tensor that a kernel writes: the node's output, or that of the Relu or Clip that alone reads it."""
        reader = self.graph.only_reader(node.output[0])
        return str((node if reader is None or reader.op_type not in FUSED_ACTIVATIONS else reader).output[0])

    def why_float(self, node: "onnx.NodeProto") -> str:
        """Why a matrix operator cannot run in INT8; empty when it can."""
        source, weight = node.input[:2]
        if weight not in self.graph.constants or source in self.graph.constants:
            return "both factors are computed, none is a stored weight"
        if self.graph.constants[weight].dtype != "float32" or (
            node.op_type in ("Gemm", "MatMul") and self.graph.constants[weight].ndim != 2
        ):
            return "its weight is not a float32 matrix"
        for name in (source, original_weight(weight)):
            if name in self.kept:
                return f"kept in float: {self.kept[name]}"
        return "" if self.ranges.known([source]) else "its input has no range"

    def keep_in_float(self, node: "onnx.NodeProto", reason: str) -> None:
        """Note why a matrix operator stays in float."""
        self.float_reasons[node.output[0]] = reason

    def visited(self, node: "onnx.NodeProto") -> None:
        """Remember what lies behind the node's inputs, when the rules are done with it."""
        if any(self.leads_to_int8(name) for name in node.output) or any(self.reads_pair(node, n) for n in node.input):
            self._leading.update(node.input)
