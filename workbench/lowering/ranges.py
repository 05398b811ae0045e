"""The range of every tensor of an ONNX graph from a Model's scales, and the numbers of its quantizer."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from workbench.lowering.graph import RESHAPING, Graph, keeps_range
from workbench.models.scales import Scales

UNSIGNED_LEVELS = 255
INT8_TOP = 127


@dataclass(frozen=True)
class Interval:
    """Values from `minimum` <= 0 to `maximum` >= 0, or up to `absmax` on both sides of 0, in the tensor's own units."""

    minimum: float
    maximum: float
    absmax: float

    def union(self, other: "Interval") -> "Interval":
        """The smallest interval that holds both."""
        return Interval(
            min(self.minimum, other.minimum), max(self.maximum, other.maximum), max(self.absmax, other.absmax)
        )


@dataclass(frozen=True)
class Quantizer:
    """real = scale x (stored - zero_point); the dtype of `zero_point` is that of what is stored."""

    scale: np.float32
    zero_point: np.uint8 | np.int8


def unsigned(interval: Interval, bounds: tuple[float, float]) -> Quantizer:
    """uint8 over the whole interval: scale = (maximum - minimum) / 255.

    `bounds` are what the tensor's operator guarantees. No level lies beyond them: runtimes leave a Relu or Clip out only
    when the quantizer alone does its work.
    """
    low, high = max(interval.minimum, min(bounds[0], 0.0)), min(interval.maximum, max(bounds[1], 0.0))
    scale = np.float32((high - low) / UNSIGNED_LEVELS)
    if not scale > np.finfo(np.float32).tiny:
        return Quantizer(np.float32(1.0), np.uint8(0))
    zero_point = np.uint8(np.clip(np.rint(-low / scale), 0, UNSIGNED_LEVELS))
    while zero_point == 0 and scale * np.float32(UNSIGNED_LEVELS) > bounds[1]:
        scale = np.nextafter(scale, np.float32(0))
    return Quantizer(scale, zero_point)


def symmetric(interval: Interval, bounds: tuple[float, float]) -> Quantizer:
    """int8 around 0: scale = absmax / 127, and no wider than the `bounds` that the tensor's operator guarantees."""
    return Quantizer(np.float32(min(interval.absmax, max(-bounds[0], bounds[1])) / INT8_TOP), np.int8(0))


class Ranges:
    """Range by tensor, for one backend: what the scales say, what a neighbour with the same values has, or its bounds."""

    def __init__(self, graph: Graph, scales: Scales, *, backend: str) -> None:
        self._graph = graph
        self._scales = scales.activations
        self._in_float = scales.in_float(backend)
        self._found: dict[str, Interval | None] = {}
        self._kept: dict[str, bool] = {}
        self._group: dict[str, str] = {}

    def of(self, tensor: str) -> Interval | None:
        """The tensor's own range; None when it is kept in float or nothing tells it."""
        if tensor not in self._found:
            self._found[tensor] = None  # also ends a search that comes back here
            self._found[tensor] = self._find(tensor)
        return self._found[tensor]

    def kept(self, tensor: str) -> bool:
        """Whether a tensor is to stay in float, or is only moved into ones that are: they would inherit its error."""
        if not self._in_float:
            return False
        if tensor not in self._kept:
            readers = [] if tensor in self._graph.outputs else self._graph.readers(tensor)
            moved = bool(readers) and all(keeps_range(n) and all(map(self.kept, n.output)) for n in readers)
            self._kept[tensor] = moved or tensor in self._in_float
        return self._kept[tensor]

    def known(self, tensors: Iterable[str]) -> bool:
        """Whether all of the tensors have a range."""
        return all(self.of(tensor) is not None for tensor in tensors)

    def share(self, tensors: Iterable[str]) -> None:
        """Let the tensors, and all that share with one of them, have one range."""
        first, *others = tensors
        for tensor in others:
            root = self._root(tensor)
            if root != self._root(first):
                self._group[root] = self._root(first)

    def resolve(self, tensors: Iterable[str]) -> dict[str, Interval]:
        """The ranges to quantize with: the widest of each group that shares one."""
        tensors = list(tensors)
        widest: dict[str, Interval] = {}
        for tensor in tensors:
            found, root = self.of(tensor), self._root(tensor)
            assert found is not None, tensor
            widest[root] = widest[root].union(found) if root in widest else found
        return {tensor: widest[self._root(tensor)] for tensor in tensors}

    def _root(self, tensor: str) -> str:
        while (parent := self._group.get(tensor, tensor)) != tensor:
            tensor = parent
        return tensor

    def _find(self, tensor: str) -> Interval | None:
        if self.kept(tensor):
            return None
        if tensor in self._scales:
            found = self._scales[tensor]
            return Interval(found.minimum, found.maximum, found.absmax)
        return self._before(tensor) or self._behind(tensor) or self._guaranteed(tensor)

    def _before(self, tensor: str) -> Interval | None:
        """The range of what a movement operator took the values from."""
        maker = self._graph.maker(tensor)
        if maker is None or not keeps_range(maker):
            return None
        found = [self.of(name) for name in self._graph.activations(maker)]
        known = [interval for interval in found if interval is not None]
        if not known or len(known) < len(found):
            return None
        return reduce(Interval.union, known)

    def _behind(self, tensor: str) -> Interval | None:
        """The range of the same values in another shape."""
        for reader in self._graph.readers(tensor):
            if reader.op_type in RESHAPING and reader.input[0] == tensor and (found := self.of(reader.output[0])):
                return found
        return None

    def _guaranteed(self, tensor: str) -> Interval | None:
        """The bounds that the operators before it set, as those of a Sigmoid: part of what was one operator in Paddle."""
        low, high = self._graph.bounds(tensor)
        return Interval(min(low, 0.0), max(high, 0.0), max(-low, high)) if math.isfinite(high - low) else None
