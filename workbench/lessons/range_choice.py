"""The plots of the notebook on how calibration algorithms choose a range."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.pictures import show_bars, show_charts
from workbench.records import Record
from workbench.report.bars import GREY, Bar, Panel
from workbench.report.labels import number, place
from workbench.report.series import MARKERS, STYLES, Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML

Values = NDArray[np.float64]
BINS = 128  # of the drawn histogram
LIGHT_GREY = "#AAAAAA"
SHOWN_BELOW_DB = 15  # below the smallest sum of the errors
COLOURS = (*(colour for colour, _ in STYLES), "black")


def show_thresholds(x: Values, share: Values, thresholds: Mapping[str, float], *, tensor: str, folder: Path) -> "HTML":
    """The histogram of |x| (`share` of all values at each `x`) with the threshold of each algorithm as a vertical line."""
    joined = share.reshape(BINS, -1).sum(axis=1)
    seen_bins = joined > 0
    heights = np.log10(joined[seen_bins])
    histogram = Series("|x|", x.reshape(BINS, -1).mean(axis=1)[seen_bins].tolist(), heights.tolist(), style=(GREY, ""))
    ends = [float(heights.min()), float(heights.max())]
    lines = [
        Series(name, [threshold, threshold], ends, style=_style(index))
        for index, (name, threshold) in enumerate(thresholds.items())
    ]
    said = [f"{name} at {number(t, digits=3)} cuts {share[x > t].sum():.3%}" for name, t in thresholds.items()]
    chart = Chart(
        f"|x| of {tensor} (no unit)", "share of the values in a bin, log10", [histogram, *lines], counted=False
    )
    return show_charts(
        [chart], name="thresholds", title="Where each algorithm cuts the values of one activation", folder=folder,
        seen=f"{share[0]:.0%} of the values lie in the first of {len(share)} bins. Of all values, {'; '.join(said)}.",
    )  # fmt: skip


def show_errors(candidates: Values, clipping: Values, rounding: Values, signal: float, *, thresholds: Mapping[str, float], folder: Path) -> "HTML":  # fmt: skip
    """Mean squared error of clipping and of rounding over the `candidates` for the threshold, in dB of the mean square `signal`.

    `thresholds`, those of the algorithms, are points on the sum of both.
    """
    total = clipping + rounding
    decibel = {
        name: 10 * np.log10(np.maximum(error, 1e-12) / signal)
        for name, error in (("clipping", clipping), ("rounding", rounding), ("both", total))
    }
    # Where next to nothing is clipped its logarithm would fill the plot.
    cut = decibel["clipping"] > decibel["both"].min() - SHOWN_BELOW_DB
    lines = [
        Series("clipping", candidates[cut].tolist(), decibel["clipping"][cut].tolist(), style=(GREY, "")),
        Series("rounding", candidates.tolist(), decibel["rounding"].tolist(), style=(LIGHT_GREY, "")),
        Series("both", candidates.tolist(), decibel["both"].tolist(), chosen=int(total.argmin()), style=("black", "")),
    ]
    points = [
        Series(name, [t], [float(np.interp(t, candidates, decibel["both"]))], joined=False, style=_style(index))
        for index, (name, t) in enumerate(thresholds.items())
    ]
    best = int(total.argmin())
    chart = Chart("threshold (no unit)", "error in dB of the signal", [*lines, *points], counted=False)
    return show_charts(
        [chart], name="errors", title="Clipping error against rounding error over the threshold", folder=folder,
        seen=f"Circled: the smallest sum, {decibel['both'][best]:.1f} dB at {candidates[best]:.3g}. Left of it clipping decides, and "
        f"the error climbs steeply; right of it rounding does, up to {decibel['both'][-1]:.1f} dB at the largest value.",
    )  # fmt: skip


def show_outcomes(records: Sequence[Record], *, folder: Path) -> "HTML":
    """What each algorithm makes of the network: SQNR of its outputs, and points of the metric lost with their interval."""
    rows = [row for row in records if row.sqnr_db is not None and row.metric_drop is not None]
    noise = [
        Bar(place(row, shown=()), row.variant, row.precision, row.sqnr_db or 0.0, number(row.sqnr_db or 0.0, digits=3))
        for row in rows
    ]
    lost = [
        Bar(place(row, shown=()), row.variant, row.precision, row.metric_drop or 0.0, number(row.metric_drop or 0.0, digits=3), row.drop_low, row.drop_high)
        for row in rows
    ]  # fmt: skip
    said = "; ".join(f"{row.variant} {row.sqnr_db:.1f} dB and {row.metric_drop:.3g} points" for row in rows)
    worst = max(rows, key=lambda row: row.metric_drop or 0.0).variant
    panels = [
        Panel("", "SQNR of the outputs in dB, against FP32's", noise),
        Panel("", f"points of {rows[0].metric_name} lost against FP32, with the paired bootstrap interval", lost),
    ]
    return show_bars(
        panels, name="outcomes", title="What each choice of ranges makes of the whole network", folder=folder,
        seen=f"Most is lost with {worst}. {said}.",
    )  # fmt: skip


def _style(index: int) -> tuple[str, str]:
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
