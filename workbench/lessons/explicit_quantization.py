"""The pictures of the notebook on explicit quantization: where the pairs stand, and what a builder makes of each placement."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lessons.network_drawing import PAIR, between, depths, draw
from workbench.lessons.pictures import show_bars, show_framed
from workbench.lessons.placements import FP32, PRODUCTS, Placed
from workbench.records import Precision
from workbench.report.bars import Bar, Panel, framed
from workbench.report.labels import number

if TYPE_CHECKING:
    from IPython.display import HTML

ROW = 0.27  # inches of height for an operator


def show_placements(
    placed: Mapping[str, Placed], names: Sequence[str], *, first: str, last: str, folder: Path
) -> "HTML":
    """The part of the network between two tensors, once for each of the `names`, side by side."""
    parts = [between(placed[name].nodes, first, last) for name in names]
    rows = max(max(depths(part)) for part in parts) + 1
    said = "; ".join(
        f"{name}: {sum(node.kind == PAIR for node in part)} pairs, "
        f"{sum(node.name in _in_int8(placed[name]) for node in part)} products in INT8"
        for name, part in zip(names, parts, strict=True)
    )
    planned = any(placed[name].kernels for name in names)
    colours = "Filled: what the builder computes in INT8" if planned else "No plan was built, so nothing is filled"
    title, seen = f"From {first} to {last}", f"{said}. {colours}."
    figure = framed(rows * ROW + 0.4, title=title, caption=seen)
    for axes, name, part in zip(figure.subplots(1, len(names), squeeze=False)[0], names, parts, strict=True):
        draw(axes, part, title=name, in_int8=_in_int8(placed[name]), rows=rows)
    return show_framed(figure, name="placements", title=title, seen=seen, folder=folder)


def show_plans(placed: Mapping[str, Placed], *, folder: Path) -> "HTML":
    """Kernels, products in INT8 and memory traffic of every plan, and the noise that each placement makes."""
    built = [found for found in placed.values() if found.kernels]
    noisy = [found for found in placed.values() if found.sqnr_db is not None]
    panels = [Panel("", "SQNR of the outputs in dB, on CPU", [_bar(f, f.sqnr_db or 0.0, "") for f in noisy])]
    if built:
        panels = [
            Panel("", "kernels of the plan, and products in INT8 among them", [_bar(f, len(f.kernels), f"{len(f.kernels)}, {f.int8_products} in INT8") for f in built]),
            Panel("", "MB of activations that they read and write for one image", [_bar(f, f.traffic_mb, "") for f in built]),
            *panels,
        ]  # fmt: skip
    said = [
        f"{f.name}: {len(f.kernels)} kernels, {f.int8_products} products in INT8, {number(f.traffic_mb, digits=3)} MB"
        for f in built
    ]
    said += [f"{found.name}: no plan" for found in placed.values() if not found.kernels]
    return show_bars(
        panels, name="plans", title="What a builder makes of each placement", seen=f"{'; '.join(said)}.", folder=folder
    )


def refusals(placed: Mapping[str, Placed]) -> str:
    """A line for each reason why there is no plan, with the placements that it holds for; a sentence when all have one."""
    reasons: dict[str, list[str]] = {}
    for found in placed.values():
        if not found.kernels:
            reasons.setdefault(found.reason, []).append(found.name)
    lines = [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]
    return "\n".join(lines) or "Every placement has a plan."


def _bar(found: Placed, value: float, text: str) -> Bar:
    precision = Precision.FP32 if found.name == FP32 or (found.kernels and not found.int8_products) else Precision.INT8
    return Bar("", found.name, precision, value, text or number(value, digits=3))


def _in_int8(found: Placed) -> set[str]:
    """The products that a kernel of the plan computes in INT8, by name."""
    computed = {name for kernel in found.kernels if kernel.multiplies_int8 for name in kernel.nodes}
    return {node.name for node in found.nodes if node.kind in PRODUCTS and node.name in computed}
