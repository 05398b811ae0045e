"""Answers to notebook 16: what instructions promise, and what a ratio saves."""

from workbench.lessons.exercises import Expected

BYTES, FLOATS = 64, 16  # in a register of AVX-512


def best_by_instructions(instructions: int) -> Expected:
    """How many times as fast INT8 can be when so many instructions do one register of its products."""
    return Expected(
        BYTES / instructions / FLOATS,
        f"{BYTES} products by {instructions} instructions are {BYTES / instructions:.1f} for each, FP32 has {FLOATS}. What is measured may lie above it: "
        "bytes are also read four times as fast.",
        unit="times",
        mistakes={BYTES / FLOATS: "That needs one instruction for 64 products, which is what VNNI brought."},
    )


def time_saved(ratio: float) -> Expected:
    """The share of the time, in percent, that a speed-up saves."""
    return Expected(
        100 * (1 - 1 / ratio),
        f"What took 1 takes 1/{ratio:.2f} = {1 / ratio:.2f}.",
        unit="%",
        mistakes={100 / ratio: "That is the share of the time which is left.", 100 * (ratio - 1): "That is how much more is done in the same time."},
    )  # fmt: skip
