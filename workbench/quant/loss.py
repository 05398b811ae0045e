"""Ranges by search: the one with the smallest loss, computed from histograms instead of from every value.

PaddleSlim's `mse` and `emd`: a histogram's bins lie at fixed fractions of its largest value, and so do the thresholds that PaddleSlim tries: what a bin
turns into is the same for all tensors, and the losses of all tensors are one product with a constant matrix.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.quant.levels import BINS, LEVELS, SMALLEST, STEPS

COARSE = 8  # bins joined for the search of an asymmetric range
FRACTIONS = np.linspace(0.3, 1.0, 20)
SMALL_FRACTIONS = np.concatenate([np.linspace(0.02, 0.26, 7), FRACTIONS])

Array = NDArray[np.float64]


def _search_scales() -> Array:
    """The fractions of the largest value that PaddleSlim tries, in its own floating-point steps."""
    found, scale = [], 0.3
    while scale <= 1.0:
        found.append(scale)
        scale += 0.02
    return np.array(found)


SEARCH_SCALES = _search_scales()


def mse_losses(shares: Array) -> Array:
    """Mean squared error of each tensor at each of SEARCH_SCALES, in units of its largest value squared.

    `shares`: one histogram a row, with 2 n + 1 bins centred at k / n of the largest value, that sums to 1. Returns
    (tensors, scales).
    """
    return np.asarray(shares @ _constant("error", shares.shape[1]))


def emd_losses(shares: Array) -> Array:
    """PaddleSlim's `emd` loss, |mean - mean'| + |std - std'|, in units of the largest value; shapes as `mse_losses`."""
    bins = shares.shape[1]
    centres = np.linspace(-1.0, 1.0, bins)
    means, squares = shares @ _constant("value", bins), shares @ _constant("square", bins)
    mean, square = (shares @ centres)[:, None], (shares @ centres**2)[:, None]
    deviation, deviations = (np.sqrt(np.maximum(x, 0.0)) for x in (square - mean**2, squares - means**2))
    return np.asarray(np.abs(mean - means) + np.abs(deviation - deviations))


def best_scales(losses: Array) -> tuple[Array, Array]:
    """The smallest loss of each row and its scale; the last one of equals, as PaddleSlim takes it."""
    chosen = losses.shape[1] - 1 - np.argmin(losses[:, ::-1], axis=1)
    return losses.min(axis=1), SEARCH_SCALES[chosen]


@lru_cache(maxsize=6)
def _constant(kind: str, bins: int) -> Array:
    """What symmetric quantization makes of a bin's centre at each scale, or its square, or its error's: (bins, scales)."""
    centres = np.linspace(-1.0, 1.0, bins)[:, None]
    steps = SEARCH_SCALES / LEVELS
    quantized = np.clip(np.round(centres / steps), -LEVELS - 1, LEVELS) * steps
    found: dict[str, Array] = {
        "value": quantized,
        "square": np.square(quantized),
        "error": np.square(quantized - centres),
    }
    return found[kind]


def least_error(histogram: Array, absmax: float, low: float, high: float, *, slope: float) -> tuple[float, float]:
    """The [minimum, maximum] within [low, high] whose uint8 quantization has the smallest squared error.

    `histogram`: 2 BINS + 1 bins centred on multiples of absmax / BINS. `slope`: that of the LeakyReLU after which the error
    counts; 1 for none.
    """
    values, weights = coarse(histogram, absmax)
    lows = low * (SMALL_FRACTIONS if slope != 1 else FRACTIONS) if low < 0 else np.zeros(1)
    highs = high * FRACTIONS if high > 0 else np.zeros(1)
    wanted = leaky_relu(values, slope)
    best = (np.inf, low, high)
    for minimum in lows:
        steps = np.maximum((highs - minimum) / STEPS, SMALLEST / STEPS)[:, None]
        zero_points = np.round(-minimum / steps)
        quantized = (np.clip(np.round(values / steps) + zero_points, 0, STEPS) - zero_points) * steps
        errors = (leaky_relu(quantized, slope) - wanted) ** 2 @ weights
        if errors.min() < best[0]:
            best = (float(errors.min()), float(minimum), float(highs[errors.argmin()]))
    return min(best[1], 0.0), max(best[2], 0.0)


def leaky_relu(values: Array, slope: float) -> Array:
    """x for x > 0, slope * x otherwise."""
    return values if slope == 1 else np.where(values > 0, values, slope * values)


def coarse(histogram: Array, absmax: float) -> tuple[Array, Array]:
    """Values and counts of a histogram with COARSE of its bins joined, without the empty ones; 0 keeps a bin of its own."""
    side = BINS // COARSE
    counts = np.concatenate([
        histogram[:BINS].reshape(side, COARSE).sum(axis=1), histogram[BINS : BINS + 1], histogram[BINS + 1 :].reshape(side, COARSE).sum(axis=1),
    ])  # fmt: skip
    middles = (np.arange(side) * COARSE + (COARSE + 1) / 2) / BINS * absmax
    values = np.concatenate([-middles[::-1], [0.0], middles])
    kept = counts > 0
    return values[kept], counts[kept]
