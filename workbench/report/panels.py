"""What the plots of a report show: which rows, as which bars, under which headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from workbench.records import Metric, Precision, Record, Scope, Status
from workbench.report.bars import Bar, Panel
from workbench.report.control import controls
from workbench.report.groups import group_of
from workbench.report.labels import SCOPE_TITLES, number, place, row_label, varying


class Per(Enum):
    """What a figure depends on: the whole row, or only these columns, of which the first row is enough."""

    ROW = ()
    PLACE = ("model", "machine_id", "backend", "device", "method", "variant", "precision")
    MODEL = ("model", "method", "variant", "model_size_mb")


@dataclass(frozen=True)
class Plot:
    """What one plot shows.

    `columns` are those of the bar and of the low and high end of its whisker, `headings` their names in the table;
    `count` is the column or secondary figure that is the plot's n. `variants_only` leaves out FP32, which the figure
    compares with.
    """

    name: str
    title: str
    axis: str
    columns: tuple[str, str, str]
    headings: tuple[str, str, str]
    per: Per = Per.ROW
    count: str = ""
    variants_only: bool = False
    unit: str = ""


PLOTS = (
    Plot(
        name="latency",
        title="Latency of each precision",
        axis="latency in ms: p50, whisker to p99",
        columns=("latency_p50_ms", "", "latency_p99_ms"),
        headings=("p50 (ms)", "", "p99 (ms)"),
        count="repeats",
    ),
    Plot(
        name="speedup",
        title="Speed-up over FP32 on the same backend",
        axis="times as fast as FP32, with its interval; grey band: FP32 against itself, where measured",
        columns=("speedup_vs_fp32", "speedup_low", "speedup_high"),
        headings=("speed-up", "low", "high"),
        count="repeats",
        variants_only=True,
        unit="x",
    ),
    Plot(
        name="accuracy_drop",
        title="Accuracy drop from FP32 on the same backend",
        axis="points of {metric} lost, with the paired bootstrap interval",
        columns=("metric_drop", "drop_low", "drop_high"),
        headings=("drop (points)", "low", "high"),
        count="evaluation_samples",
        per=Per.PLACE,
        variants_only=True,
    ),
    Plot(
        name="model_size",
        title="Model size",
        axis="size of the model's files in MB (1e6 bytes)",
        columns=("model_size_mb", "", ""),
        headings=("size (MB)", "", ""),
        per=Per.MODEL,
    ),
)


def plot_rows(plot: Plot, records: Sequence[Record]) -> list[Record]:
    """The rows that have the plot's figure, one for each bar."""
    rows = [row for row in records if row.status is Status.OK and getattr(row, plot.columns[0]) is not None]
    rows = [row for row in rows if not (plot.variants_only and row.is_baseline)]
    if plot.per is Per.ROW:
        return rows
    firsts: dict[tuple[object, ...], Record] = {}
    for row in rows:
        firsts.setdefault(tuple(getattr(row, name) for name in plot.per.value), row)
    return list(firsts.values())


def plot_panels(plot: Plot, rows: Sequence[Record], metrics: Sequence[Metric]) -> list[Panel]:
    """The rows as bars: one panel for each scope, or one for a figure that has no scope."""
    axis = plot.axis.format(metric=" / ".join(dict.fromkeys(row.metric_name for row in rows)))
    if plot.per is not Per.ROW:
        return [Panel("", axis, _bars(plot, rows, varying(rows) - {"threads", "batch"}))]
    shown = varying(rows)
    scopes = [(scope, [row for row in rows if row.scope is scope]) for scope in Scope]
    return [_scope_panel(plot, scope, here, metrics, axis=axis, shown=shown) for scope, here in scopes if here]


def _scope_panel(
    plot: Plot, scope: Scope, rows: Sequence[Record], metrics: Sequence[Metric], *, axis: str, shown: frozenset[str]
) -> Panel:
    bars = _bars(plot, rows, shown)
    if not plot.variants_only:
        return Panel(SCOPE_TITLES[scope], axis, bars)
    return Panel(SCOPE_TITLES[scope], axis, bars, reference=1.0, bands=_noise(rows, metrics, shown))


def _noise(rows: Sequence[Record], metrics: Sequence[Metric], shown: frozenset[str]) -> dict[str, tuple[float, float]]:
    """By place, where FP32 against itself came out."""
    noise = controls(metrics)
    found = {place(row, shown=shown): noise.get(group_of(row)) for row in rows}
    return {where: (control.low, control.high) for where, control in found.items() if control}


def _bars(plot: Plot, rows: Sequence[Record], shown: frozenset[str]) -> list[Bar]:
    """The rows as bars, those of one heading together, in the order of the precisions."""
    bars = [_bar(plot, row, row.model if plot.per is Per.MODEL else place(row, shown=shown)) for row in rows]
    order = list(dict.fromkeys(bar.place for bar in bars))
    return sorted(bars, key=lambda bar: (order.index(bar.place), list(Precision).index(bar.precision)))


def _bar(plot: Plot, row: Record, where: str) -> Bar:
    value, low, high = (getattr(row, column, None) for column in plot.columns)
    assert value is not None, f"plot_rows keeps only rows that have {plot.columns[0]}"
    return Bar(where, row_label(row), row.precision, value, number(value, digits=3) + plot.unit, low, high)
