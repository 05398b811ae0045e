"""Answers to notebook 12: gradients of a clip, and what training wins back."""

import numpy as np
from numpy.typing import ArrayLike

from workbench.lessons.exercises import Expected
from workbench.records import Record


def gradient_of_clip(x: ArrayLike, alpha: float) -> Expected:
    """The gradient of PACT's alpha over a batch `x`, each output pulling with 1."""
    values = np.asarray(x, dtype=np.float64)
    outside = np.abs(values) > alpha
    return Expected(
        float(np.sign(values[outside]).sum()),
        "Only clipped values depend on alpha: +1 for each above it, -1 for each below -alpha.",
        tolerance=0,
        mistakes={
            float(outside.sum()): "That counts the clipped values without their sign.",
            float(
                values[outside].sum()
            ): "That adds the values themselves; what counts is only on which side they lie.",
        },
    )


def won_back(tight: Record, trained: Record) -> Expected:
    """The share, in percent, of the points that a tight calibration loses which a trained model does not lose."""
    lost, left = tight.metric_drop or 0.0, trained.metric_drop or 0.0
    return Expected(
        100 * (lost - left) / lost,
        f"The tight calibration loses {lost:.3g} points, {trained.method} {left:.3g}: it wins back {lost - left:.3g} of {lost:.3g}.",
        unit="%",
        mistakes={lost - left: "Those are points of top-1, not a share of the loss."},
    )
