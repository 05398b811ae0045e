"""Answers to notebook 14: filters, FLOPs, and what they are worth."""

import math

from workbench.lessons.exercises import Expected
from workbench.records import Record


def filters_for_flops(stay: float) -> Expected:
    """The share of all filters, in percent, that may go when a share `stay` of the FLOPs is to be left."""
    return Expected(
        100 * (1 - math.sqrt(stay)),
        f"A convolution loses outputs and inputs: (1 - r)² = {stay:g}, so r = 1 - sqrt({stay:g}).",
        unit="%",
        mistakes={100 * (1 - stay): "That holds when only one side of each convolution shrinks."},
    )


def wide_enough(width: int, share: float, block: int = 8) -> Expected:
    """The largest width that fills blocks of channels and is not above that of pruning a share."""
    left = round(width * (1 - share))
    answer = left // block * block
    return Expected(
        answer,
        f"{share:.0%} of {width} leaves {left}; the next smaller multiple of {block} is {answer}.",
        unit="filters",
        tolerance=0,
        mistakes={
            left: "That is no multiple of eight, and falls back to a slower kernel.",
            answer + block: "That fills the blocks, but prunes less than was asked for.",
        },
    )


def gap_to_flops(pruned_flops: float, row: Record) -> Expected:
    """By what factor the speed-up that FLOPs promise is larger than the measured one."""
    promised, measured = 1 / (1 - pruned_flops), row.speedup_vs_fp32 or math.nan
    return Expected(
        promised / measured,
        f"{pruned_flops:.0%} fewer FLOPs promise {promised:.2f} times the speed; measured are {measured:.2f}. What does not shrink "
        "with the filters (reading, depthwise layers, the call itself) takes the rest.",
        unit="times",
        mistakes={promised: "That is what the FLOPs promise; divide it by what was measured."},
    )
