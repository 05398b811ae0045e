"""Operators that only move channels about: what each channel that comes out of them was before."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph

CHANNEL_AXIS = 1
Channel = tuple[str, int]
"""A tensor's name and the index of one of its channels."""


@dataclass(frozen=True)
class Move:
    """Operators that together move channels: for each output, which input channel each of its channels is."""

    ops: tuple[Any, ...]
    outputs: dict[str, list[Channel]]
    shuffles: bool = False

    @property
    def tensors(self) -> set[str]:
        """Every tensor that it reads or writes."""
        return {*self.outputs, *(name for channels in self.outputs.values() for name, _ in channels)}


@dataclass(frozen=True)
class Region:
    """Moves that hang together, in the order in which they run.

    `sources`: the tensors that come in, made by other operators. `views`: every tensor that others read, as channels of
    the sources.
    """

    moves: tuple[Move, ...]
    sources: tuple[str, ...]
    views: dict[str, list[Channel]]

    @property
    def ops(self) -> list[Any]:
        """The operators of all moves."""
        return [op for move in self.moves for op in move.ops]

    @property
    def shuffles(self) -> int:
        """How many of the moves are channel shuffles."""
        return sum(move.shuffles for move in self.moves)


def shuffled_regions(graph: ProgramGraph) -> list[Region]:
    """The regions that hold at least one channel shuffle."""
    regions = [_region(graph, moves) for moves in _connected(list(_moves(graph)))]
    return [region for region in regions if region.shuffles]


def channel_count(graph: ProgramGraph, name: str) -> int:
    """Channels of a tensor; -1 where they are not fixed."""
    shape = graph.shape(name)
    return shape[CHANNEL_AXIS] if len(shape) > CHANNEL_AXIS else -1


def _moves(graph: ProgramGraph) -> Iterator[Move]:
    finders = {
        "concat": _concat,
        "split": _split,
        "slice": _slice,
        "shuffle_channel": _shuffle_channel,
        "reshape2": _shuffle,
    }
    for op in graph.ops:
        found = finders[op.type](graph, op) if op.type in finders else None
        if found is not None and all(channel_count(graph, name) > 0 for name in found.tensors):
            yield found


def _concat(graph: ProgramGraph, op: Any) -> Move | None:
    names = list(op.input("X"))
    if not _along_channels(graph, op, names[0]) or any(graph.is_weight(name) for name in names):
        return None
    channels = [(name, index) for name in names for index in range(channel_count(graph, name))]
    return Move((op,), {op.output("Out")[0]: channels})


def _split(graph: ProgramGraph, op: Any) -> Move | None:
    source, outputs = str(op.input("X")[0]), list(op.output("Out"))
    if not _along_channels(graph, op, source):
        return None
    ends = [sum(channel_count(graph, name) for name in outputs[: number + 1]) for number in range(len(outputs))]
    starts = [0, *ends[:-1]]
    parts = zip(outputs, starts, ends, strict=True)
    return Move((op,), {name: [(source, index) for index in range(*part)] for name, *part in parts})


def _slice(graph: ProgramGraph, op: Any) -> Move | None:
    source, target = str(op.input("Input")[0]), str(op.output("Out")[0])
    if list(op.attr("axes")) != [CHANNEL_AXIS] or op.attr("decrease_axis") or len(op.input_arg_names) > 1:
        return None
    count = channel_count(graph, source)
    start, stop, _ = slice(op.attr("starts")[0], op.attr("ends")[0]).indices(max(count, 0))
    return Move((op,), {target: [(source, index) for index in range(start, stop)]})


def _shuffle_channel(graph: ProgramGraph, op: Any) -> Move | None:
    source = str(op.input("X")[0])
    channels = _shuffled(source, groups=op.attr("group"), count=channel_count(graph, source))
    return Move((op,), {op.output("Out")[0]: channels}, shuffles=True)


def _shuffle(graph: ProgramGraph, op: Any) -> Move | None:
    """A shuffle as most networks write it: [N, C, ...] -> [N, groups, C / groups, ...], swap those two, and back."""
    swap = graph.only_reader(op.output("Out")[0])
    back = graph.only_reader(swap.output("Out")[0]) if swap is not None and swap.type == "transpose2" else None
    if swap is None or back is None or back.type != "reshape2":
        return None
    source, target = str(op.input("X")[0]), str(back.output("Out")[0])
    before, grouped = graph.shape(source), graph.shape(op.output("Out")[0])
    swapped = [0, 2, 1, *range(3, len(grouped))]
    if list(swap.attr("axis")) != swapped or graph.shape(target) != before or math.prod(grouped[1:3]) != before[1]:
        return None
    channels = _shuffled(source, groups=grouped[1], count=before[1])
    return Move((op, swap, back), {target: channels}, shuffles=True)


def _shuffled(source: str, *, groups: int, count: int) -> list[Channel]:
    each = count // groups
    return [(source, group * each + index) for index in range(each) for group in range(groups)]


def _along_channels(graph: ProgramGraph, op: Any, name: str) -> bool:
    rank = len(graph.shape(name))
    return rank == 4 and op.attr("axis") in (CHANNEL_AXIS, CHANNEL_AXIS - rank) and not op.input("AxisTensor")


def _connected(moves: Sequence[Move]) -> list[list[Move]]:
    """Moves that share tensors, directly or through others, come together."""
    groups: list[tuple[set[str], list[Move]]] = []
    for move in moves:
        tensors, members = move.tensors, [move]
        for group in [group for group in groups if group[0] & tensors]:
            tensors, members = tensors | group[0], group[1] + members
            groups.remove(group)
        groups.append((tensors, members))
    return [members for _, members in groups]


def _region(graph: ProgramGraph, moves: list[Move]) -> Region:
    order = {id(op): position for position, op in enumerate(graph.ops)}
    moves = sorted(moves, key=lambda move: order[id(move.ops[0])])
    own = [op for move in moves for op in move.ops]
    written = {name for move in moves for name in move.outputs}
    sources = dict.fromkeys(name for move in moves for name in sorted(move.tensors) if name not in written)
    known = {name: [(name, index) for index in range(channel_count(graph, name))] for name in sources}
    for move in moves:
        for name, channels in move.outputs.items():
            known[name] = [known[before][index] for before, index in channels]
    views = {name: known[name] for name in known if any(reader not in own for reader in graph.readers(name))}
    return Region(tuple(moves), tuple(sources), views)
