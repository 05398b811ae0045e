"""Drawing a part of a network: its operators from top to bottom, Q/DQ pairs between them, and which of them compute in INT8."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes

from workbench.records import Precision
from workbench.report.bars import COLOURS

if TYPE_CHECKING:
    import onnx

PAIR = "Q/DQ"
LANE = 1.0  # between two branches side by side
FACES = {Precision.FP32: "white", Precision.INT8: COLOURS[Precision.INT8]}


class Node(NamedTuple):
    """An operator, or a Q/DQ pair as one: its kind, name, the activations that it reads and what it makes."""

    kind: str
    name: str
    reads: Sequence[str]
    makes: Sequence[str]


def drawn_nodes(network: "onnx.ModelProto") -> list[Node]:
    """The nodes that work on activations, in order, with each pair as one node; a weight's dequantizer is part of its product."""
    stored = {value.name for value in network.graph.initializer}
    made = [value.name for value in network.graph.input if value.name not in stored]
    quantized: dict[str, str] = {}
    found = []
    for node in network.graph.node:
        reads = [name for name in node.input if name in {*made, *quantized}]
        if node.op_type == "QuantizeLinear":
            quantized[node.output[0]] = node.input[0]
        elif node.op_type == "DequantizeLinear" and reads:
            found.append(Node(PAIR, node.name, [quantized[reads[0]]], list(node.output)))
            made += node.output
        elif reads:
            found.append(Node(node.op_type, node.name, reads, list(node.output)))
            made += node.output
    return found


def between(nodes: Sequence[Node], first: str, last: str) -> list[Node]:
    """The nodes on the ways from the tensor `first` to the tensor `last`."""
    behind, before = {first}, {last}
    for node in nodes:
        if behind.intersection(node.reads):
            behind.update(node.makes)
    for node in reversed(nodes):
        if before.intersection(node.makes):
            before.update(node.reads)
    return [node for node in nodes if behind.intersection(node.reads) and before.intersection(node.makes)]


def depths(nodes: Sequence[Node]) -> list[int]:
    """How many of the nodes lie before each, on the longest way."""
    depth: dict[str, int] = {}
    found = []
    for node in nodes:
        found.append(max((depth.get(name, 0) for name in node.reads), default=0))
        depth.update(dict.fromkeys(node.makes, found[-1] + 1))
    return found


def draw(axes: Axes, nodes: Sequence[Node], *, title: str, in_int8: Collection[str], rows: int) -> None:
    """Draw the nodes, those named in `in_int8` in INT8's colour; `rows` is the number of rows of the largest of several drawings."""
    row = depths(nodes)
    lanes = _lanes(nodes, row)
    place = {name: (lane, y) for node, lane, y in zip(nodes, lanes, row, strict=True) for name in node.makes}
    for node, lane, y in zip(nodes, lanes, row, strict=True):
        for source in [place[name] for name in node.reads if name in place] or [(lane, y - 1)]:
            axes.plot([source[0], lane], [source[1], y], color="#999999", linewidth=1, zorder=1)
        axes.text(lane, y, f"{node.kind} INT8" if node.name in in_int8 else node.kind, **_style(node, in_int8))
    axes.set_title(title, fontsize=10)
    axes.set_xlim(-0.6, max(lanes) + 0.6)
    axes.set_ylim(rows - 0.4, -1.2)
    axes.axis("off")


def _lanes(nodes: Sequence[Node], row: Sequence[int]) -> list[float]:
    """0 for the longest way, and a place beside it for what shares a row with it."""
    behind = _rows_behind(nodes)
    taken: dict[int, int] = {}
    lanes = [0.0] * len(nodes)
    for index in sorted(range(len(nodes)), key=lambda index: -behind[index]):
        lanes[index] = LANE * taken.get(row[index], 0)
        taken[row[index]] = taken.get(row[index], 0) + 1
    return lanes


def _rows_behind(nodes: Sequence[Node]) -> list[int]:
    behind: dict[str, int] = {}
    found: list[int] = []
    for node in reversed(nodes):
        found.append(max((behind.get(name, 0) for name in node.makes), default=0))
        for name in node.reads:
            behind[name] = max(behind.get(name, 0), found[-1] + 1)
    return found[::-1]


def _style(node: Node, in_int8: Collection[str]) -> dict[str, Any]:
    if node.kind == PAIR:
        box = {"boxstyle": "round,pad=0.2", "facecolor": "#DDDDDD", "edgecolor": "none"}
    else:
        precision = Precision.INT8 if node.name in in_int8 else Precision.FP32
        box = {"boxstyle": "square,pad=0.3", "facecolor": FACES[precision], "edgecolor": "#333333"}
    return {"ha": "center", "va": "center", "fontsize": 8, "bbox": box, "zorder": 2, "parse_math": False}
