"""How far two latencies of the same row may differ between two runs and still be the same.

The samples of one run agree with each other far better than two runs do, so the textbook interval from standard
deviation and count is only the first of three estimates of a run's noise; the widest of them counts:

- 1.96 standard errors of the median: 1.2533 x std / sqrt(repeats) / p50;
- the A/A control of the row's comparison group: how far from 1 FP32 came out when measured against itself;
- half the width of the row's own speed-up interval, relative to the speed-up: the spread from block to block.

A run with neither control nor interval gets `UNKNOWN_DRIFT`. The noises of two runs add as independent ones do.
"""

import math

from workbench.records import Record
from workbench.report.control import Control

UNKNOWN_DRIFT = 0.05  # fraction; what two runs on one machine commonly differ by
MEDIAN_ERROR = 1.96 * 1.2533  # 95 % half-width of a median, in standard deviations / sqrt(n)


def latency_noise(row: Record, control: Control | None) -> float:
    """Half-width of the noise of a row's latency, as a fraction of it."""
    sampling = _sampling(row)
    if control is None and row.speedup_low is None:
        return max(sampling, UNKNOWN_DRIFT)
    return max(sampling, control.half_width if control else 0.0, _block_spread(row))


def both(noise_a: float, noise_b: float) -> float:
    """The noise of the difference of two runs."""
    return math.hypot(noise_a, noise_b)


def _sampling(row: Record) -> float:
    if not row.latency_std_ms or not row.repeats or not row.latency_p50_ms:
        return 0.0
    return MEDIAN_ERROR * row.latency_std_ms / math.sqrt(row.repeats) / row.latency_p50_ms


def _block_spread(row: Record) -> float:
    if not row.speedup_vs_fp32 or row.speedup_low is None or row.speedup_high is None:
        return 0.0
    return (row.speedup_high - row.speedup_low) / 2 / row.speedup_vs_fp32
