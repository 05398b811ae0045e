"""Answers to notebook 10: bits of a weight and bytes of a file."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from workbench.lessons.exercises import Expected
from workbench.records import Record

DB_A_BIT = 6.02


def sqnr_of_more_bits(more: int, bits: Sequence[int], sqnr_db: Sequence[float]) -> Expected:
    """The SQNR in dB of weights with `more` bits than the last of `bits`, whose SQNR was measured."""
    return Expected(
        sqnr_db[-1] + more * DB_A_BIT,
        f"At {bits[-1]} bits it is {sqnr_db[-1]:.1f} dB, and each bit more halves the step: a quarter of the squared error, 6.02 dB.",
        unit="dB",
        tolerance=0.01,
        mistakes={
            sqnr_db[-1] + more: "That counts 1 dB for a bit.",
            sqnr_db[-1] + more * DB_A_BIT / 2: "That counts 3 dB for a bit: half the step is a quarter of its square.",
        },
    )


def beside_the_integers(records: Sequence[Record], weights: Mapping[str, Any], quantized: Collection[str]) -> Expected:
    """How many MB of the static INT8 model's files are something else than its quantized weights, one byte each."""
    size = next(row.model_size_mb or 0.0 for row in records if row.method == "static")
    integers = sum(weights[name].size for name in quantized) / 1e6
    return Expected(
        size - integers,
        f"{integers:.3f} million weights take one byte each, of {size:.3f} MB; the rest is the program, biases, and scales.",
        unit="MB",
        tolerance=0.05,
        mistakes={integers: "That is the part which the integers take.", size: "That is the whole file."},
    )
