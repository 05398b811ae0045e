"""From statistics to ranges: PaddleSlim's algorithms for the symmetric threshold, and their kin for [minimum, maximum]."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from workbench.models.scales import ActivationRange
from workbench.quant.levels import BINS, LEVELS, SMALLEST
from workbench.quant.statistics import Statistics

Array = NDArray[np.float64]


class Algorithm(StrEnum):
    """How a tensor's range is chosen from what calibration saw."""

    ABS_MAX = "abs_max"
    AVG = "avg"
    HIST = "hist"
    KL = "KL"
    MSE = "mse"
    EMD = "emd"


class Ranges:
    """The ranges of all tensors by one algorithm."""

    def __init__(self, statistics: Statistics, algorithm: Algorithm, *, hist_percent: float) -> None:
        self._statistics = statistics
        self._algorithm = algorithm
        self._percent = hist_percent

    def of(self, row: int) -> ActivationRange:
        """The range of one tensor."""
        minimum, maximum = self.asymmetric(row)
        return ActivationRange(minimum=minimum, maximum=maximum, absmax=max(self.symmetric(row), SMALLEST))

    def symmetric(self, row: int) -> float:
        """The threshold as PaddleSlim chooses it (`PostTrainingQuantization`, paddlepaddle 3.0), within one bin."""
        found = self._statistics
        match self._algorithm:
            case Algorithm.ABS_MAX:
                return float(found.absmax[row])
            case Algorithm.AVG:
                return float(found.mean_absmax[row])
            case Algorithm.MSE:
                return float(found.mse_scale[row])
            case Algorithm.EMD:
                return float(found.emd_scale[row])
        histogram, width = found.histogram(row), found.absmax[row] / BINS
        if self._algorithm is Algorithm.HIST:
            return hist_threshold(histogram, self._percent) * float(width)
        return kl_threshold(histogram) * float(width)

    def asymmetric(self, row: int) -> tuple[float, float]:
        """[minimum <= 0, maximum >= 0]: extremes, their means, percentiles, or the smallest squared error.

        Before a LeakyReLU it is always the last, with the error taken after it: it makes most negative values small.
        """
        found = self._statistics
        algorithm = self._algorithm if found.slope[row] == 1 else Algorithm.MSE
        match algorithm:
            case Algorithm.ABS_MAX:
                return float(found.minimum[row]), float(found.maximum[row])
            case Algorithm.AVG:
                return float(found.mean_minimum[row]), float(found.mean_maximum[row])
            case Algorithm.HIST:
                return self._percentiles(row)
        return float(found.best_minimum[row]), float(found.best_maximum[row])

    def _percentiles(self, row: int) -> tuple[float, float]:
        found = self._statistics
        below = np.cumsum(found.signed_histogram(row))
        low, high = (np.searchsorted(below, share * below[-1]) - BINS for share in (1 - self._percent, self._percent))
        width = found.absmax[row] / BINS
        return (
            min(0.0, max(float(found.minimum[row]), float(low * width))),
            max(0.0, min(float(found.maximum[row]), float(high * width))),
        )


def hist_threshold(histogram: Array, percent: float) -> float:
    """The end, in bins, of the share `percent` of all values (`_get_hist_scaling_factor`)."""
    shares = np.cumsum(histogram) / histogram.sum()
    reached = np.nonzero(shares >= percent)[0]
    return (float(reached[0]) if len(reached) else len(histogram) - 1) + 0.5


def kl_threshold(histogram: Array) -> float:
    """The threshold, in bins, with the smallest KL divergence of what is left after quantization (`cal_kl_threshold`).

    Source: S. Migacz, "8-bit inference with TensorRT", GTC 2017. The candidates are Paddle's, all at once: within a level
    the quantized distribution is constant, so running sums of the histogram are all that a divergence needs.
    """
    start = int((len(histogram) - 1) * 0.5)
    ends = start + np.nonzero(histogram[start - 1 : -1])[0]
    if not len(ends):
        occupied = np.nonzero(histogram[1 : start + 1])[0] + 1
        return (float(occupied[-1]) if len(occupied) else 0.0) + 0.5
    return float(ends[_divergences(histogram, ends).argmin()]) + 0.5


def _divergences(histogram: Array, ends: NDArray[np.int_]) -> Array:
    """KL divergence of the histogram cut at each of `ends`, outliers moved to the last bin, from its LEVELS levels."""
    logs = np.log(np.maximum(histogram, 1.0))
    sums, filled, entropies = (_running(x) for x in (histogram, np.sign(histogram), histogram * logs))
    edges = np.arange(LEVELS + 1) * (ends // LEVELS)[:, None]
    edges[:, -1] = ends
    masses, counts = np.diff(sums[edges]), np.diff(filled[edges])
    level_logs = np.log(np.where(masses > 0, masses, 1.0) / np.maximum(counts, 1.0))
    outliers, last = sums[-1] - sums[ends], histogram[ends - 1]
    reference = entropies[ends] + (last + outliers) * np.log(last + outliers) - last * np.log(last)
    candidate = (masses * level_logs).sum(axis=1) + outliers * level_logs[:, -1]
    return np.asarray((reference - candidate) / sums[-1] + np.log(sums[ends]) - np.log(sums[-1]))


def _running(values: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(values)])
