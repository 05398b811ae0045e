"""The plots of the notebook on pruning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.pictures import curve, measured_here, show_bars, show_charts
from workbench.records import Record
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number, place, row_label
from workbench.report.plots import counted
from workbench.report.series import MARKERS, STYLES, Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML

Values = NDArray[Any]


def show_ranks(norms: Values, distances: Values, going: Mapping[str, set[int]], *, seen: str, folder: Path) -> "HTML":
    """Each filter as a point: its L1 norm and its distance to the others; `going`: by criterion, the filters that it takes."""
    everything = set(range(len(norms)))
    first, second = going
    groups = {
        f"{first} and {second} take it": going[first] & going[second],
        f"only {first} does": going[first] - going[second],
        f"only {second} does": going[second] - going[first],
        "it stays": everything - going[first] - going[second],
    }
    series = [
        Series(name, norms[sorted(rows)].tolist(), distances[sorted(rows)].tolist(), joined=False, style=(STYLES[i][0], MARKERS[i]))
        for i, (name, rows) in enumerate(groups.items())
    ]  # fmt: skip
    chart = Chart("L1 norm of the filter", "sum of distances to the others", series, counted=False)
    title = "Which filters of one convolution go"
    return show_charts([chart], name="ranks", title=title, seen=seen, folder=folder)


def show_shares(measured: Mapping[str, tuple[float, float]], *, seen: str, folder: Path) -> "HTML":
    """The share of the FLOPs that stays, over the ratio of filters that go; `measured`: both of each model, by name."""
    ratios = np.linspace(0, 0.6, 61)
    lines = [curve("(1 - r)²: filters and inputs go", ratios, (1 - ratios) ** 2, style=0)]
    lines += [curve("1 - r: one of them stays", ratios, 1 - ratios, style=1)]
    points = [
        Series(name, [ratio], [left], joined=False, style=(STYLES[place + 2][0], MARKERS[place + 2]))
        for place, (name, (ratio, left)) in enumerate(measured.items())
    ]
    chart = Chart("ratio r of the filters that go", "share of the FLOPs that stays", [*lines, *points], counted=False)
    return show_charts([chart], name="shares", title="FLOPs go faster than filters", seen=seen, folder=folder)


def show_costs(rows: Mapping[str, Record], base: Record, *, seen: str, folder: Path) -> "HTML":
    """GFLOPs, parameters and latency of float models by name, in percent of the unpruned one's."""
    bars = [bar for name, row in rows.items() for bar in _costs(name, row, base)]
    axis = f"percent of the unpruned network's, {place(base, shown=())}; latency with its interval"
    return show_bars(
        [Panel("", axis, bars, reference=100.0)], name="costs", title="What pruning saves, and what not",
        seen=_timed(seen, [*rows.values()]), folder=folder,
    )  # fmt: skip


def show_joint(records: Sequence[Record], *, seen: str, folder: Path) -> "HTML":
    """Points lost over size and over latency, in percent of the untouched network's; that one is circled."""
    base = next(row for row in records if row.is_baseline)
    sizes = [100 * (row.model_size_mb or 0.0) / (base.model_size_mb or 1.0) for row in records]
    latencies = [_latency(row) for row in records]
    charts = [
        Chart(axis, f"points of {base.metric_name} lost", _points(records, values), counted=False)
        for axis, values in (("size in percent of FP32's", sizes), ("latency in percent of FP32's", latencies))
    ]
    title = "Size, latency and points lost"
    return show_charts(charts, name="joint", title=title, seen=_timed(seen, records), folder=folder)


def _costs(name: str, row: Record, base: Record) -> list[Bar]:
    shares = {
        label: 100 * getattr(row, column) / getattr(base, column)
        for label, column in {"GFLOPs": "gflops", "parameters": "params_m"}.items()
    }
    bars = [Bar(name, label, row.precision, share, _percent(share)) for label, share in shares.items()]
    low, high = (100 / end if end else None for end in (row.speedup_high, row.speedup_low))
    return [*bars, Bar(name, "latency", row.precision, _latency(row), _percent(_latency(row)), low, high)]


def _latency(row: Record) -> float:
    """In percent of FP32's, by the ratio of neighbouring blocks, in which a machine that drifts cancels out."""
    return 100 / (row.speedup_vs_fp32 or 1.0)


def _percent(share: float) -> str:
    return f"{number(share, digits=3)} %"


def _timed(seen: str, rows: Sequence[Record]) -> str:
    return measured_here(f"{seen} {counted('repeats', rows, ()).removesuffix('; ')}.")


def _points(records: Sequence[Record], values: Sequence[float]) -> list[Series]:
    return [
        Series(
            row_label(row), [value], [row.metric_drop or 0.0], chosen=0 if row.is_baseline else None, joined=False,
            whiskers=[] if row.drop_low is None or row.drop_high is None else [(row.drop_low, row.drop_high)],
            style=(STYLES[index][0], MARKERS[index]),
        )
        for index, (row, value) in enumerate(zip(records, values, strict=True))
    ]  # fmt: skip
