"""Answers to notebook 06: what single tensors do to the outputs."""

from collections.abc import Mapping
from typing import Any

from workbench.lessons.exercises import Expected


def noisiest_activation(found: Mapping[str, Any]) -> Expected:
    """The activation whose rounding alone makes most noise; `found` is a sensitivity analysis."""
    rows = [row for row in found["rows"] if row["kind"] == "activation"]
    worst = min(rows, key=lambda row: row["sqnr_db"])
    return Expected(
        worst["tensor"],
        f"Rounded alone it leaves {worst['sqnr_db']:.1f} dB of signal over noise, the least of {len(rows)} activations: a "
        "small SQNR is much noise.",
        choices=tuple(row["tensor"] for row in rows),
        mistakes={
            max(rows, key=lambda row: row["sqnr_db"])[
                "tensor"
            ]: "That is the one with the largest SQNR, so the least noise."
        },
    )


def noise_ratio(first_db: float, second_db: float) -> Expected:
    """How many times the noise power at `first_db` is that at `second_db`, the signal being the same."""
    apart = second_db - first_db
    return Expected(
        10 ** (apart / 10),
        f"SQNR is 10 log10 of a ratio of powers, so {apart:.1f} dB are a factor of 10^({apart:.1f} / 10).",
        unit="times",
        mistakes={
            10 ** (apart / 20): "That is the ratio of amplitudes, with 20 in place of 10; noise adds up in power.",
            apart: "That is the difference in dB itself.",
        },
    )
