"""PaddleSlim's searched thresholds (algo `mse` and `emd`), computed from histograms instead of from every value.

A histogram's bins lie at fixed fractions of its largest value, and so do the thresholds that PaddleSlim tries: what a bin
turns into is the same for all tensors, and the losses of all tensors are one product with a constant matrix.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.quant.levels import LEVELS

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
