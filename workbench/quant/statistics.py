"""What calibration keeps of every activation: one pass over the data, and any range algorithm can follow."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from fast_histogram import histogram1d
from numpy.typing import NDArray

from workbench.files import write_bytes
from workbench.quant.levels import BINS, SMALLEST
from workbench.quant.loss import best_scales, emd_losses, least_error, mse_losses

FINE = 4 * BINS  # on each side of 0, while counting
CENTRED_EDGES = (np.arange(2 * BINS + 2) - (BINS + 0.5)) / BINS  # in units of the largest value
MIDDLES = (np.arange(2 * FINE) + (0.5 - FINE)) / FINE  # of the bins, in units of the limit

Array = NDArray[np.float64]


@dataclass
class Statistics:
    """Running statistics of all tensors, one row each.

    `counts` (tensors, 2 FINE): how many values lay in each bin of [-limit, limit); a value beyond doubles the limit, and bins
    are joined in pairs. `mean_*`: mean over samples. `mse_scale` and `emd_scale` are PaddleSlim's answers, the threshold
    with the smallest loss in any batch (`_sample_mse` and `_sample_emd` of `PostTrainingQuantization`). `slope`: that of the
    LeakyReLU which alone reads the tensor, 1 where none does. `best_*`: the range with the smallest squared error after it.
    Memory: 65 kB a tensor, whatever the number of batches.
    """

    counts: NDArray[np.uint32]
    limit: Array
    absmax: Array
    minimum: Array
    maximum: Array
    mean_absmax: Array
    mean_minimum: Array
    mean_maximum: Array
    mse_loss: Array
    mse_scale: Array
    emd_loss: Array
    emd_scale: Array
    batches: Array
    slope: Array
    best_minimum: Array
    best_maximum: Array

    @classmethod
    def empty(cls, tensors: int, *, slopes: Sequence[float] = ()) -> Self:
        """Statistics of nothing yet; `slopes` of all tensors, or none."""
        made = cls(np.zeros((tensors, 2 * FINE), np.uint32), *(np.zeros(tensors) for _ in fields(cls)[1:]))
        made.mse_loss[:] = made.emd_loss[:] = np.inf
        made.mse_scale[:] = made.emd_scale[:] = SMALLEST
        made.slope[:] = slopes or 1.0
        return made

    def add(self, batch: list[NDArray[np.float32] | None], *, rows: Sequence[int] | None = None) -> None:
        """Take in one batch: every tensor's values, first axis = samples; None for a tensor without values.

        `rows`: the tensors to take in, all of them without it. Calls with other tensors may run at the same time.
        """
        chosen = np.arange(len(batch)) if rows is None else np.asarray(rows)
        shares = np.zeros((len(chosen), 2 * BINS + 1))
        absmax = np.full(len(chosen), SMALLEST)
        for place, row in enumerate(chosen):
            values = batch[row]
            if values is not None and values.size:
                absmax[place], counts = self._add(row, values)
                shares[place] = rebin(counts, float(self.limit[row]), absmax[place]) / values.size
        for losses, loss, scale in (
            (mse_losses(shares) * absmax[:, None] ** 2, self.mse_loss, self.mse_scale),
            (emd_losses(shares) * absmax[:, None], self.emd_loss, self.emd_scale),
        ):
            smallest, scales = best_scales(losses)
            better = (smallest <= loss[chosen]) & (shares.any(axis=1))
            loss[chosen[better]], scale[chosen[better]] = smallest[better], (absmax * scales)[better]

    def finish(self, rows: Sequence[int] | None = None) -> None:
        """Find the ranges with the smallest error, after the last batch; `rows` as for `add`."""
        for row in range(len(self.batches)) if rows is None else rows:
            if not self.batches[row]:
                continue
            low, high = float(self.minimum[row]), float(self.maximum[row])
            found = least_error(
                self.signed_histogram(row), float(self.absmax[row]), low, high, slope=float(self.slope[row])
            )
            self.best_minimum[row], self.best_maximum[row] = found

    def histogram(self, row: int) -> Array:
        """Counts of |x| in BINS bins from 0 to the largest value: PaddleSlim's histogram."""
        found = self.counts[row]
        bins = MIDDLES[FINE:] * (self.limit[row] * BINS / max(self.absmax[row], SMALLEST))
        both = found[FINE:] + found[FINE - 1 :: -1].astype(np.float64)
        return np.asarray(
            np.bincount(np.minimum(bins, BINS - 1).astype(np.int64), weights=both, minlength=BINS), np.float64
        )

    def signed_histogram(self, row: int) -> Array:
        """Counts of x in 2 BINS + 1 bins centred on multiples of (largest value) / BINS."""
        return rebin(self.counts[row], float(self.limit[row]), float(self.absmax[row]))

    def _add(self, row: int, values: NDArray[np.float32]) -> tuple[float, NDArray[np.uint32]]:
        samples = values.reshape(values.shape[0], -1) if values.ndim > 1 else values.reshape(1, -1)
        lows, highs = samples.min(axis=1).astype(np.float64), samples.max(axis=1).astype(np.float64)
        low, high = float(lows.min()), float(highs.max())
        absmax = max(-low, high, SMALLEST)
        self._widen(row, absmax)
        counts = count(samples, float(self.limit[row]))
        self.counts[row] += counts
        self.absmax[row] = max(self.absmax[row], absmax)
        self.minimum[row], self.maximum[row] = min(self.minimum[row], low), max(self.maximum[row], high)
        self.batches[row] += 1
        share = 1 / (self.batches[row] * len(lows))
        self.mean_absmax[row] += share * float((np.maximum(-lows, highs) - self.mean_absmax[row]).sum())
        self.mean_minimum[row] += share * float((np.minimum(lows, 0.0) - self.mean_minimum[row]).sum())
        self.mean_maximum[row] += share * float((np.maximum(highs, 0.0) - self.mean_maximum[row]).sum())
        return absmax, counts

    def _widen(self, row: int, absmax: float) -> None:
        """Double the limit until `absmax` lies below it."""
        self.limit[row] = self.limit[row] or absmax * (1 + 1e-6)
        while absmax >= self.limit[row]:
            joined = self.counts[row].reshape(-1, 2).sum(axis=1, dtype=np.uint32)
            self.counts[row] = np.pad(joined, FINE // 2)
            self.limit[row] *= 2


def count(values: NDArray[np.float32], limit: float) -> NDArray[np.uint32]:
    """Histogram of float32 values within [-limit, limit) in 2 FINE bins."""
    counts: Array = histogram1d(values.ravel(), 2 * FINE, (-limit, limit))
    return counts.astype(np.uint32)


def rebin(counts: NDArray[np.uint32], limit: float, absmax: float) -> Array:
    """A fine histogram of [-limit, limit) in 2 BINS + 1 bins centred on multiples of absmax / BINS."""
    below = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=below[1:])
    first = np.ceil(CENTRED_EDGES * (absmax * FINE / limit) + (FINE - 0.5)).astype(np.int64)
    first[0], first[-1] = 0, 2 * FINE
    return np.diff(below[first]).astype(np.float64)


def save_statistics(statistics: Statistics, path: Path, *, names: list[str], facts: Mapping[str, float]) -> None:
    """Write the statistics of the tensors `names`, and facts of the run that made them, as one .npz file in one step."""
    arrays: dict[str, Any] = {field.name: getattr(statistics, field.name) for field in fields(statistics)}
    buffer = io.BytesIO()
    # Not compressed: that takes longer than all else that an algorithm does with them.
    np.savez(buffer, names=np.array(names), facts=np.array([[k, str(v)] for k, v in facts.items()]), **arrays)
    write_bytes(path, buffer.getvalue())


def load_statistics(path: Path) -> tuple[list[str], Statistics, dict[str, float]]:
    """The tensors' names, their statistics and the facts, as `save_statistics` wrote them."""
    with np.load(path, allow_pickle=False) as stored:
        statistics = Statistics(*(stored[field.name] for field in fields(Statistics)))
        return [str(name) for name in stored["names"]], statistics, {str(k): float(v) for k, v in stored["facts"]}
