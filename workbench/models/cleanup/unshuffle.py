"""Channel shuffles go away: the convolutions around them compute and read the channels in another order."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.models.cleanup.channel_moves import CHANNEL_AXIS, Channel, Region, channel_count, shuffled_regions
from workbench.models.cleanup.operators import (
    CHANNELWISE,
    CONVOLUTIONS,
    TRANSPOSED,
    bias_of_add,
    is_convolution,
    result,
)
from workbench.models.cleanup.program_graph import ProgramGraph

logger = logging.getLogger(__name__)

Order = list[int]
"""Which channel of before stands at each place."""


class Obstacle(Exception):
    """Why a region keeps its shuffles."""


@dataclass(frozen=True)
class Piece:
    """Channels of a source that go to the same views; they will stand side by side."""

    source: str
    channels: tuple[int, ...]


@dataclass
class Plan:
    """What to do with a region: nothing is changed before all of it is known to work."""

    pieces: dict[str, list[Piece]]
    views: dict[str, list[Piece]]
    weights: list[tuple[str, int, Order]] = field(default_factory=list)
    permuted: set[str] = field(default_factory=set)


def unshuffle(graph: ProgramGraph) -> int:
    """Replace every region of shuffles, splits and concats by one split per source and one concat per view; returns how many shuffles.

    A ShuffleNetV2 stage hands most channels through many shuffles to the one block that reads them. Each channel is
    followed from the convolution that makes it to those that read it: the makers' output channels are put in the order
    of their readers, and the readers' input channels in the order in which they arrive. A region stays as it is where
    something else than a convolution, bias or channel-wise operator makes or reads its channels.
    """
    removed = 0
    for region in shuffled_regions(graph):
        try:
            plan = _plan(graph, region)
        except Obstacle as obstacle:
            logger.info("%d channel shuffles stay: %s", region.shuffles, obstacle)
            continue
        _apply(graph, region, plan)
        removed += region.shuffles
    return removed


def _plan(graph: ProgramGraph, region: Region) -> Plan:
    pieces = {source: _pieces(source, region.views, count=channel_count(graph, source)) for source in region.sources}
    piece_of = {(p.source, channel): p for parts in pieces.values() for p in parts for channel in p.channels}
    views = {
        name: pieces[name] if name in pieces else list(dict.fromkeys(piece_of[channel] for channel in channels))
        for name, channels in region.views.items()
    }
    plan = Plan(pieces, views)
    for source, parts in pieces.items():
        _plan_maker(graph, source, [channel for piece in parts for channel in piece.channels], plan)
    for name, channels in region.views.items():
        place = {channel: index for index, channel in enumerate(channels)}
        order = [place[piece.source, channel] for piece in views[name] for channel in piece.channels]
        if len(place) != len(channels):
            raise Obstacle(f"{name} holds a channel twice")
        _plan_readers(graph, name, order, plan, own=region.ops)
    return plan


def _pieces(source: str, views: dict[str, list[Channel]], *, count: int) -> list[Piece]:
    """The channels of a source by the views that they go to, in a steady order."""
    users: dict[int, list[int]] = {channel: [] for channel in range(count)}
    for number, channels in enumerate(views.values()):
        for name, channel in channels:
            if name == source:
                users[channel].append(number)
    groups: dict[tuple[int, ...], list[int]] = {}
    for channel in range(count):
        groups.setdefault(tuple(users[channel]), []).append(channel)
    return [Piece(source, tuple(groups[key])) for key in sorted(groups)]


def _plan_maker(graph: ProgramGraph, name: str, order: Order, plan: Plan) -> None:
    """Let the convolution that makes a tensor make its channels in `order`."""
    if order == sorted(order):
        return
    while True:
        plan.permuted.add(name)
        op: Any = graph.producer(name)
        bias = bias_of_add(graph, op)
        if bias:
            _plan_weight(graph, op, bias, 0, order, plan)
        elif op is not None and op.type in CONVOLUTIONS and is_convolution(op) and op.attr("groups") == 1:
            return _plan_weight(graph, op, op.input("Filter")[0], 0, order, plan)
        elif op is None or op.type not in CHANNELWISE:
            raise Obstacle(f"{name} is made by {op.type if op is not None else 'nobody'}")
        name = str(op.input("X")[0])
        if graph.only_reader(name) is not op:
            raise Obstacle(f"{name} is read by several operators")


def _plan_readers(graph: ProgramGraph, name: str, order: Order, plan: Plan, *, own: list[Any]) -> None:
    """Let everyone who reads a tensor expect its channels in `order`, up to the next full convolution."""
    if order == sorted(order):
        return
    plan.permuted.add(name)
    for op in graph.readers(name):
        if op in own:
            continue
        if passed := _passes(graph, op, order, plan):
            _plan_readers(graph, passed, order, plan, own=[])
        elif is_convolution(op) and op.attr("groups") == 1 and op.input("Input")[0] == name:
            axis = 0 if op.type in TRANSPOSED else CHANNEL_AXIS
            _plan_weight(graph, op, op.input("Filter")[0], axis, order, plan)
        else:
            raise Obstacle(f"{name} is read by {op.type}")


def _passes(graph: ProgramGraph, op: Any, order: Order, plan: Plan) -> str:
    """The output of an operator that keeps channels apart, its own weights being put in order; "" for others."""
    if bias := bias_of_add(graph, op):
        _plan_weight(graph, op, bias, 0, order, plan)
    elif is_convolution(op) and op.attr("groups") == len(order) and op.type in CONVOLUTIONS:
        weight = str(op.input("Filter")[0])
        if graph.shape(weight)[:2] != (len(order), 1):
            return ""
        _plan_weight(graph, op, weight, 0, order, plan)
    elif op.type not in CHANNELWISE:
        return ""
    return result(op)


def _plan_weight(graph: ProgramGraph, op: Any, weight: str, axis: int, order: Order, plan: Plan) -> None:
    if not graph.is_weight(weight) or graph.only_reader(weight) is not op:
        raise Obstacle(f"the weight {weight} is not this {op.type}'s own")
    plan.weights.append((weight, axis, order))


def _apply(graph: ProgramGraph, region: Region, plan: Plan) -> None:
    for weight, axis, order in plan.weights:
        graph.set_value(weight, np.take(graph.value(weight), order, axis=axis))
    outsiders = {name: [op for op in graph.readers(name) if op not in region.ops] for name in region.views}
    graph.remove(region.ops)
    name_of = dict(_split_sources(graph, plan))
    for view, pieces in plan.views.items():
        if view not in plan.pieces:
            joined = _join(graph, view, [name_of[piece] for piece in pieces])
            for op in outsiders[view]:
                graph.rename_input(op, view, joined)
    graph.permuted |= plan.permuted


def _split_sources(graph: ProgramGraph, plan: Plan) -> Iterator[tuple[Piece, str]]:
    """Cut every source into its pieces; gives the tensor of each."""
    for source, pieces in plan.pieces.items():
        names = [source]
        if len(pieces) > 1:
            names = [graph.new_variable(f"{source}.part", like=source) for _ in pieces]
            sizes = [len(piece.channels) for piece in pieces]
            graph.insert(
                "split",
                inputs={"X": [source]}, outputs={"Out": names}, attrs={"axis": CHANNEL_AXIS, "sections": sizes, "num": 0},
                after=graph.producer(source),
            )  # fmt: skip
        yield from zip(pieces, names, strict=True)


def _join(graph: ProgramGraph, view: str, parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    name = graph.new_variable(f"{view}.unshuffled", like=view)
    ops = graph.ops
    last = max((graph.producer(part) for part in parts), key=ops.index)
    graph.insert("concat", inputs={"X": parts}, outputs={"Out": [name]}, attrs={"axis": CHANNEL_AXIS}, after=last)
    return name
