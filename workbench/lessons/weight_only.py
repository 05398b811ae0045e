"""The plots of the notebook on weight-only against static quantization."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lessons.pictures import show_bars, show_charts
from workbench.machine import this_machine
from workbench.records import Record
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number, place, row_label
from workbench.report.plots import counted
from workbench.report.prose import plot_caption
from workbench.report.series import Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML


def show_rounding_noise(bits: Sequence[int], sqnr_db: Mapping[str, Sequence[float]], *, folder: Path) -> "HTML":
    """Signal to noise in dB of rounded weights over their bits, a line for each way of choosing scales."""
    gains = {name: (line[-1] - line[0]) / (bits[-1] - bits[0]) for name, line in sqnr_db.items()}
    said = "; ".join(f"{name}, {gain:.2f} dB a bit" for name, gain in gains.items())
    chart = Chart(
        "bits of a weight", "SQNR of the weights in dB", [Series(name, bits, y) for name, y in sqnr_db.items()]
    )
    return show_charts(
        [chart], name="rounding_noise", title="Rounding noise of the weights by number of bits", folder=folder,
        seen=f"From {bits[0]} to {bits[-1]} bits: {said}. The lines are parallel: what scales gain they gain at any number of bits.",
    )  # fmt: skip


def show_sizes(records: Sequence[Record], *, folder: Path) -> "HTML":
    """The size of each model's files, one bar a model."""
    rows = list({row.model_digest: row for row in records if row.model_size_mb}.values())
    whole = next(row.model_size_mb or 0.0 for row in rows if row.is_baseline)
    shares = {row_label(row): (row.model_size_mb or 0.0) / whole for row in rows}
    bars = [
        Bar(row.model, row_label(row), row.precision, row.model_size_mb or 0.0, f"{number(row.model_size_mb or 0.0)} ({share:.0%})")
        for row, share in zip(rows, shares.values(), strict=True)
    ]  # fmt: skip
    said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if name != "FP32")
    return show_bars(
        [Panel("", "size of the model's files in MB (1e6 bytes)", bars)], name="sizes", title="Size of the files",
        seen=f"Of FP32's {number(whole)} MB: {said}. Scales, biases and the program come on top of the integers.", folder=folder,
    )  # fmt: skip


def show_speedups(records: Sequence[Record], *, folder: Path) -> "HTML":
    """The speed-up of each model against FP32 on the same backend, with its bootstrap interval."""
    rows = [row for row in records if not row.is_baseline and row.speedup_vs_fp32 is not None]
    rows.sort(key=lambda row: row.backend)
    bars = [_speedup(row) for row in rows]
    said = "; ".join(f"{bar.label} on {row.backend} {bar.text}, {row.latency_p50_ms:.3g} ms" for bar, row in zip(bars, rows, strict=True))  # fmt: skip
    shares = ", ".join(f"{row_label(row)} {row.int8_share or 0:.0%}" for row in rows)
    return show_bars(
        [Panel("", "speed-up against FP32 (1: as fast), runtime, median of block ratios with its bootstrap interval", bars, 1.0)],
        name="speedups", title="Speed-up against FP32 on the same backend", folder=folder,
        seen=f"{said}. Share of the products computed in integers: {shares}. {counted('repeats', rows, [])}{plot_caption([this_machine().as_dict()])}",
    )  # fmt: skip


def _speedup(row: Record) -> Bar:
    ratio = row.speedup_vs_fp32 or 0.0
    return Bar(place(row, shown=()), row_label(row), row.precision, ratio, f"{ratio:.2f}x", row.speedup_low, row.speedup_high)  # fmt: skip
