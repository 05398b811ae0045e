"""The plots of the notebook on fundamentals; what they show is worked out there."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.live import Drawn
from workbench.lessons.pictures import curve, show_bars
from workbench.records import Precision
from workbench.report.bars import GREY, Bar, Panel
from workbench.report.labels import number
from workbench.report.series import STYLES, Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML

Values = NDArray[np.float64]
SHOWN = 400  # points of a scatter plot
BINS = 40


def sqnr_db(x: NDArray[np.generic], y: NDArray[np.generic]) -> float:
    """Signal to noise in dB of `y` against `x`; infinite where they are equal."""
    signal, noise = (np.sum(np.asarray(part, np.float64) ** 2) for part in (x, np.subtract(x, y)))
    return float(10 * np.log10(signal / noise)) if noise else float("inf")


def draw_mapping(x: Values, q: Values, back: Values, *, scale: float, zero_point: int, levels: int) -> Drawn:
    """Values and what becomes of them: the levels over the values as a staircase, and the error of the way there and back."""
    order = _spread(x)
    used = np.unique(q).size
    stairs = Series("x̂", x[order].tolist(), back[order].tolist(), joined=False, style=(STYLES[0][0], "."))
    same = Series("x itself", [float(x.min()), float(x.max())], [float(x.min()), float(x.max())], style=(GREY, ""))
    errors = Series("x̂ - x", x[order].tolist(), (back - x)[order].tolist(), joined=False, style=(STYLES[5][0], "."))
    return Drawn(
        "Values, and what eight bits or fewer make of them",
        [Chart("x", "x̂ = s (q - z)", [same, stairs], counted=False), Chart("x", "error", [errors], counted=False)],
        f"Scale {scale:.4g}, zero point {zero_point}: {used} of {levels} levels are used, the largest error is "
        f"{np.abs(back - x).max() / scale:.2f} steps, and the noise is {sqnr_db(x, back):.1f} dB below the signal.",
    )


def draw_channels(noise: Mapping[str, Values], largest: Values, *, channel: int, bits: int) -> Drawn:
    """The SQNR of each channel's weights for each way of choosing scales, and how large the channel's weights are."""
    places = list(range(len(largest)))
    lines = [
        Series(name, places, values.tolist(), chosen=channel, joined=False, style=STYLES[place])
        for place, (name, values) in enumerate(noise.items())
    ]
    said = ", ".join(f"{values[channel]:.1f} dB with {name}" for name, values in noise.items())
    share = largest[channel] / largest.max()
    return Drawn(
        f"Rounding noise of each channel's weights at {bits} bits",
        [Chart("output channel", "SQNR in dB", lines), Chart("output channel", "largest |w|", [Series("|w|", places, largest.tolist(), joined=False)])],
        f"Channel {channel}, circled, reaches {share:.0%} of the largest weight: {said}. A small channel has few levels of a scale that a "
        "large one has set.",
    )  # fmt: skip


def draw_rounding(errors: Values, *, way: str, bits: int) -> Drawn:
    """The errors, in steps, of one way of rounding."""
    counts, edges = np.histogram(errors, bins=BINS, range=(-1, 1))
    share = counts / errors.size
    chart = Chart("error in steps", "share of the values", [curve(way, (edges[:-1] + edges[1:]) / 2, share, style=0)], counted=False)  # fmt: skip
    return Drawn(
        f"Errors of rounding {way}, {bits} bits",
        [chart],
        f"Mean {errors.mean():+.3f} steps, mean square {np.mean(errors**2):.4f}; an error spread evenly over one step has 1/12 = 0.0833 "
        "around its mean. A mean that is not zero adds up over a sum of products.",
    )


def draw_overflow(exact: Values, kept: Mapping[str, Values], *, most: int) -> Drawn:
    """What integers of `most` at most make of exact ones, for each way of treating what does not fit."""
    order = _spread(exact)
    lines = [
        Series(name, exact[order].tolist(), values[order].tolist(), joined=False, style=(STYLES[place][0], "."))
        for place, (name, values) in enumerate(kept.items())
    ]
    beyond = np.mean(np.abs(exact) > most)
    said = ", ".join(f"{name} {sqnr_db(exact, values):.1f} dB" for name, values in kept.items())
    return Drawn(
        "Sums that do not fit",
        [Chart("exact sum", "what is kept", lines, counted=False)],
        f"{beyond:.1%} of the sums lie beyond {most}. Signal to noise of what is kept: {said}.",
    )


def draw_pair_sums(exact: Values, emulated: Values, *, saturated: float, bits: int) -> Drawn:
    """What 16-bit intermediate results do to sums of products; `saturated` is the share of pairs that did not fit."""
    exact, emulated = exact.ravel(), emulated.ravel()
    order = _spread(exact)
    order = np.union1d(order, np.flatnonzero(emulated != exact)[:: max(1, np.sum(emulated != exact) // SHOWN)])
    errors = (emulated - exact)[order].tolist()
    return Drawn(
        f"vpmaddubsw on the first layer, weights of {bits} bits",
        [Chart("exact sum", "error of the sum", [Series("error", exact[order].tolist(), errors, joined=False, style=(STYLES[5][0], "."))], counted=False)],
        f"{saturated:.2%} of the pairs of products do not fit 16 bits, {np.mean(exact != emulated):.1%} of the sums come out wrong, signal to "
        f"noise {_decibel(sqnr_db(exact, emulated))}. vpdpbusd, which adds in 32 bits, gives every sum exactly.",
    )  # fmt: skip


def show_products_per_instruction(products: Mapping[str, float], *, folder: Path) -> "HTML":
    """How many products an instruction does, a bar for each instruction set and type; names start with INT8 or FP32."""
    bars = [
        Bar("", name, Precision.INT8 if name.startswith("INT8") else Precision.FP32, value, number(value, digits=3))
        for name, value in products.items()
    ]
    said = ", ".join(f"{name} {number(value, digits=3)}" for name, value in products.items())
    return show_bars(
        [Panel("", "products for each instruction", bars)], name="products", title="Products that one instruction does",
        seen=f"{said}. Counted from the widths of the registers; what is measured is less, since numbers must also be fetched.",
        folder=folder,
    )  # fmt: skip


def _spread(values: Values) -> NDArray[np.intp]:
    """The places of some values, spread evenly over their range."""
    order = np.argsort(values, kind="stable")
    wanted = np.linspace(values[order[0]], values[order[-1]], SHOWN)
    places: NDArray[np.intp] = order[np.unique(np.searchsorted(values[order], wanted).clip(0, values.size - 1))]
    return places


def _decibel(value: float) -> str:
    return "without limit" if np.isinf(value) else f"{value:.1f} dB"
