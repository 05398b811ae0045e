"""Answers to notebook 05a: zero points, bits and tiles."""

import math

from workbench.lessons.exercises import Expected

WORD = 2**15 - 1  # the largest number of 16 bits with a sign
TILE_ROWS, TILE_COLUMNS, TILE_DEPTH = 16, 16, 64


def zero_point(low: float, high: float) -> Expected:
    """The unsigned 8-bit integer that stands for 0 in a range."""
    step = (high - low) / 255
    return Expected(
        round(-low / step),
        f"The step is {high - low:g} / 255 = {step:.5g}; {low:g} is level 0, and 0 lies {-low:g} / {step:.5g} steps above it, rounded.",
        tolerance=0,
        mistakes={
            0.0: "Level 0 stands for the smallest value here, not for 0.",
            128.0: "That is right when the range is as wide below 0 as above it.",
            round(-low / step) - 128.0: "That is it for levels from -128 to 127; unsigned ones start at 0.",
        },
    )


def most_weight_bits() -> Expected:
    """The most bits of a signed weight with which vpmaddubsw never saturates."""
    most = WORD // (2 * 255)
    bits = int(math.log2(most)) + 1
    return Expected(
        bits,
        f"Two products of at most 255 |w| must stay below {WORD + 1}, so |w| is at most {most}: {bits} bits with the sign reach "
        f"{2 ** (bits - 1) - 1}, {bits + 1} bits reach {2**bits - 1}.",
        unit="bits",
        tolerance=0,
        mistakes={
            8: f"2 x 255 x 127 = {2 * 255 * 127} does not fit.",
            6: "That is safe, but one bit is given away.",
        },
    )


def tile_products(rows: int, columns: int, depth: int) -> Expected:
    """How many tile instructions a product of [rows, depth] with [depth, columns] takes."""
    tiles = [math.ceil(size / tile) for size, tile in ((rows, TILE_ROWS), (columns, TILE_COLUMNS), (depth, TILE_DEPTH))]
    count = math.prod(tiles)
    return Expected(
        count,
        f"{tiles[0]} x {tiles[1]} tiles of results, each from {tiles[2]} of {TILE_DEPTH} numbers in depth. A depth of {depth} leaves "
        f"{1 - depth / (tiles[2] * TILE_DEPTH):.0%} of the tile empty: small layers cannot use what AMX offers.",
        unit="instructions",
        tolerance=0,
        mistakes={
            rows
            * columns
            * depth
            / (TILE_ROWS * TILE_COLUMNS * TILE_DEPTH): "That would be so if tiles could be filled by parts of others.",
        },
    )
