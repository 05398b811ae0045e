"""Latency statistics and bootstrap intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95
RATIO_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LatencySummary:
    """Statistics of single-call times, all in ms but `repeats`."""

    mean: float
    p50: float
    p90: float
    p99: float
    std: float
    repeats: int


def summarize(samples_ms: ArrayLike) -> LatencySummary:
    """Summarize the counted calls of one model; raises ValueError when there are none."""
    values = np.asarray(samples_ms, dtype=np.float64)
    if values.size == 0:
        raise ValueError("no samples to summarize")
    p50, p90, p99 = (float(p) for p in np.percentile(values, [50, 90, 99]))
    return LatencySummary(float(values.mean()), p50, p90, p99, float(values.std()), values.size)


def block_ratio(baseline: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> Interval:
    """How many times faster `other` is: the median over rounds of (baseline block median / other block median).

    Both hold one block of samples a round, taken one after the other, so that a drift of the machine cancels out. The
    interval is a percentile bootstrap over rounds.
    """
    ratios = np.array([np.median(a) / np.median(b) for a, b in zip(baseline, other, strict=True)])
    resampled = np.random.default_rng(0).choice(ratios, size=(RATIO_RESAMPLES, ratios.size))
    low, high = percentile_interval(np.median(resampled, axis=1))
    return Interval(float(np.median(ratios)), low, high)


def percentile_interval(values: ArrayLike) -> tuple[float, float]:
    """The central 95 % of resampled figures."""
    low, high = np.percentile(np.asarray(values), [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return float(low), float(high)


def sqnr_db(signal: float, noise: float) -> float:
    """10 log10 of sum(signal^2) / sum(noise^2); capped at 200 dB, which equal outputs reach."""
    if signal <= 0.0:
        return 0.0
    return float(min(10 * np.log10(signal / max(noise, signal * 1e-20)), 200.0))
