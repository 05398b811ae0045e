"""The plots of the notebook on pruning."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.pictures import curve, show_bars, show_charts
from workbench.records import Record
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number, place, row_label
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
    """GFLOPs, parameters and latency (p50) of float models by name, in percent of the unpruned one's."""
    columns = {"GFLOPs": "gflops", "parameters": "params_m", "latency (p50)": "latency_p50_ms"}
    bars = []
    for name, row in rows.items():
        for label, column in columns.items():
            share = 100 * getattr(row, column) / getattr(base, column)
            bars.append(Bar(name, label, row.precision, share, f"{number(share, digits=3)} %"))
    axis = f"percent of the unpruned network's, on {place(base, shown=())}"
    return show_bars(
        [Panel("", axis, bars, reference=100.0)], name="costs", title="What pruning saves, and what not", seen=seen, folder=folder
    )  # fmt: skip


def show_joint(records: Sequence[Record], *, seen: str, folder: Path) -> "HTML":
    """Points lost over size and over latency, one point a model; the untouched one circled."""
    charts = [
        Chart(axis, f"points of {records[0].metric_name} lost", [_point(i, row, column) for i, row in enumerate(records)], counted=False)
        for axis, column in (("size in MB", "model_size_mb"), ("latency in ms: p50", "latency_p50_ms"))
    ]  # fmt: skip
    return show_charts(charts, name="joint", title="Size, latency and points lost", seen=seen, folder=folder)


def _point(index: int, row: Record, column: str) -> Series:
    style = (STYLES[index % len(STYLES)][0], MARKERS[index])
    at, drop = [float(getattr(row, column))], [row.metric_drop or 0.0]
    whiskers = () if row.drop_low is None or row.drop_high is None else ((row.drop_low, row.drop_high),)
    return Series(
        row_label(row), at, drop, chosen=0 if row.is_baseline else None, joined=False, whiskers=whiskers, style=style
    )
