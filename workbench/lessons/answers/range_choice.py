"""Answers to notebook 11: where to cut a range."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.exercises import Expected

Values = NDArray[np.float64]


def threshold_of_share(kept: float, x: Values, share: Values) -> Expected:
    """The threshold below which a share `kept` of all values lies; `share` of them at each of the ascending `x`."""
    threshold = float(x[np.searchsorted(np.cumsum(share), kept)])
    return Expected(
        threshold,
        f"{kept:.1%} of all values are smaller; the largest is {x[-1]:.4g}.",
        mistakes={
            float(kept * x[-1]): f"That is {kept} of the largest value: a share of the range, not of the values."
        },
    )


def smallest_error(thresholds: Mapping[str, float], candidates: Values, total: Values) -> Expected:
    """The algorithm whose threshold makes the smallest squared error, `total` at the `candidates`."""
    errors = {name: float(np.interp(threshold, candidates, total)) for name, threshold in thresholds.items()}
    best = min(errors, key=lambda name: errors[name])
    return Expected(
        best,
        f"Its threshold {thresholds[best]:.4g} lies nearest to the bottom of the curve of both errors.",
        choices=tuple(thresholds),
        mistakes={"abs_max": "abs_max clips nothing: all its error is rounding, with the largest step."},
    )


def gained_by_unsigned() -> Expected:
    """What 255 steps from 0 to T gain over 127, in dB."""
    return Expected(
        20 * math.log10(255 / 127),
        "Values that are never negative leave half of -127..127 unused. With 0..255 the step is 127/255 as large, and the squared "
        "error (127/255)² of what it was: one bit more.",
        unit="dB",
        mistakes={10 * math.log10(255 / 127): "That is 10 log10 of the steps; the error is their square."},
    )
