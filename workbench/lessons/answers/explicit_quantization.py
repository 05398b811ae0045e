"""Answers to notebook 15: pairs that nobody reads, bytes that a fused kernel spares, and the smallest scale in FP16."""

from workbench.lessons.exercises import Expected
from workbench.lessons.network_drawing import PAIR
from workbench.lessons.placements import PRODUCTS, Placed
from workbench.lowering.tensorrt import HALF_DIALECT

STEPS = 127


def idle_pairs(placed: Placed) -> Expected:
    """How many of the pairs no product reads."""
    read = {name for node in placed.nodes if node.kind in PRODUCTS for name in node.reads}
    idle = sum(node.kind == PAIR and not read.intersection(node.makes) for node in placed.nodes)
    return Expected(
        idle,
        f"Of {placed.pairs} pairs the {placed.products} products read {placed.pairs - idle}, some of them the same one.",
        mistakes={
            placed.pairs - placed.products: "That takes a pair for each product; some products read the same one.",
            placed.pairs: "Those are all pairs.",
        },
    )


def fused_traffic(placed: Placed) -> Expected:
    """The MB that the plan would move if its INT8 products wrote INT8 instead of FP32."""
    sums = sum(t.size for kernel in placed.kernels if kernel.multiplies_int8 for t in kernel.writes) / 1e6
    return Expected(
        placed.traffic_mb - 2 * 0.75 * sums,
        f"The products write {sums:.2f} MB of FP32 sums, which the next kernel reads again; in INT8 both are a quarter.",
        unit="MB",
        mistakes={
            placed.traffic_mb - 0.75 * sums: "That spares the writing; the next kernel reads the sums, too.",
            placed.traffic_mb - 2 * sums: "That leaves nothing of the sums; a quarter remains.",
        },
    )


def smallest_channel() -> Expected:
    """The largest weight of a channel below which its scale is raised, for FP16 scales."""
    smallest = HALF_DIALECT.smallest_scale
    return Expected(
        STEPS * smallest,
        f"The scale is that weight over {STEPS}, and {smallest:g} the smallest one; the channel is then rounded to fewer steps.",
        mistakes={smallest: "That is the scale itself; the largest weight is 127 of them."},
    )
