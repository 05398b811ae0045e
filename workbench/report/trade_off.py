"""The plot of what methods trade: points of accuracy lost against latency, on each backend."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from workbench.files import write_bytes
from workbench.records import Metric, Record, Status
from workbench.report.bars import COLOURS, LABEL_LENGTH, shortened
from workbench.report.figure import Figure
from workbench.report.labels import number, place, row_label, varying
from workbench.report.methods import compared_rows
from workbench.report.plots import counted
from workbench.report.series import MARKERS, Chart, Series, render_charts

TITLE = "Accuracy drop against latency of each method"
READING = (
    "The further left and down, the better. Circled: the untouched FP32 model. Whiskers: paired bootstrap interval of the drop. "
    "Points with the same figures lie on each other; the table has them all. "
)


def draw_trade_off(
    records: Sequence[Record], metrics: Sequence[Metric], *, out_dir: Path, caption: str
) -> Figure | None:
    """Draw `trade_off.png` in `out_dir`: latency (p50, ms) and drop (points) of each method, one chart a backend.

    None, and no file, where no methods are compared or none has both figures.
    """
    path = out_dir / "trade_off.png"
    rows = [row for row in compared_rows(records) if _is_drawable(row)]
    if all(row.is_baseline for row in rows):
        path.unlink(missing_ok=True)
        return None
    shown = varying(rows)
    labels = dict.fromkeys(row_label(row) for row in rows)
    markers = {label: MARKERS[index % len(MARKERS)] for index, label in enumerate(labels)}
    places: dict[str, list[Record]] = {}
    for row in rows:
        places.setdefault(place(row, shown=shown), []).append(row)
    n = "".join(counted(name, rows, metrics) for name in ("repeats", "evaluation_samples"))
    charts = [_chart(where, here, markers) for where, here in places.items()]
    write_bytes(path, render_charts(charts, title=TITLE, caption=READING + n + caption))
    table = pd.DataFrame([_line(row, place(row, shown=shown)) for row in rows], dtype=object)
    return Figure(path, TITLE, _sentence(table), table)


def _is_drawable(row: Record) -> bool:
    has_drop = row.is_baseline or row.metric_drop is not None
    return row.status is Status.OK and row.latency_p50_ms is not None and has_drop


def _chart(where: str, rows: Sequence[Record], markers: Mapping[str, str]) -> Chart:
    axes = (f"latency in ms: p50, {rows[0].scope.replace('_', ' ')}", f"points of {rows[0].metric_name} lost")
    return Chart(*axes, [_series(row, markers[row_label(row)]) for row in rows], title=where, counted=False)


def _series(row: Record, marker: str) -> Series:
    """One point; the colour tells the precision, as in the other plots, and the marker the method."""
    whiskers = () if row.drop_low is None or row.drop_high is None else ((row.drop_low, row.drop_high),)
    return Series(
        shortened(row_label(row), LABEL_LENGTH), [row.latency_p50_ms or 0.0], [row.metric_drop or 0.0],
        chosen=0 if row.is_baseline else None, joined=False, whiskers=whiskers, style=(COLOURS[row.precision], marker),
    )  # fmt: skip


def _line(row: Record, where: str) -> dict[str, str | float]:
    figures = {"p50 (ms)": row.latency_p50_ms, "drop (points)": row.metric_drop or 0.0} | {
        "low": row.drop_low, "high": row.drop_high
    }  # fmt: skip
    return {"Where": where, "What": row_label(row)} | {name: "" if v is None else v for name, v in figures.items()}


def _sentence(table: pd.DataFrame) -> str:
    facts = [
        f"{line['Where']}, {line['What']}: {number(line['p50 (ms)'])} ms, {number(line['drop (points)'], digits=3)} points lost"
        for line in table.to_dict("records")
    ]
    return f"Scatter plot: {TITLE}. {'; '.join(facts)}."
