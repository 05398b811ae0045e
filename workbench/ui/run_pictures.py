"""The pictures of the rows that were chosen: bars, and the trade-off front; few enough to be read, and told so."""

from collections.abc import Sequence

from workbench.records import Record, Status
from workbench.report.front import front_svg, fronts
from workbench.report.groups import grouped
from workbench.report.panels import PLOTS, Plot, plot_panels, plot_rows
from workbench.report.plots import counted, plot_sentence
from workbench.report.prose import plot_caption
from workbench.report.svg import bars_svg
from workbench.ui.markup import gallery, paragraph, vector_picture
from workbench.ui.runs import Runs

MOST_DRAWN = 30  # rows: more bars than that nobody reads
MOST_FRONTS = 4


def pictures_html(chosen: Sequence[Record], runs: Runs) -> str:
    """The pictures of these rows of the runs, and a line for each that is not drawn or not whole."""
    drawn, caption = drawn_rows(chosen), plot_caption(runs.machines)
    pictures, missing = [], []
    for plot in PLOTS:
        rows = plot_rows(plot, drawn)
        if rows:
            pictures.append(_bars(plot, rows, runs, caption))
        elif chosen:
            missing.append(f"{plot.title} is not drawn: no chosen row has the figures.")
    found = fronts(chosen)
    pictures += [vector_picture(front_svg(front, caption=caption), alt=front.alt) for front in found[:MOST_FRONTS]]
    measured = sum(row.status is Status.OK for row in chosen)
    if measured > len(drawn):
        missing.append(
            f"The bars are of {len(drawn)} of {measured} measured rows, where the fastest are; the table has all."
        )
    if len(found) > MOST_FRONTS:
        missing.append(
            f"The trade-off is drawn for {MOST_FRONTS} of {len(found)} models and scopes; choose fewer to see the others."
        )
    return gallery(pictures) + "".join(paragraph(line, quiet=True) for line in missing)


def drawn_rows(chosen: Sequence[Record]) -> list[Record]:
    """The measured rows that the bars are of: all, or where they are many whole comparison groups, the fastest first."""
    measured = [row for row in chosen if row.status is Status.OK]
    if len(measured) <= MOST_DRAWN:
        return measured
    groups = [sorted(group, key=_place_in_group) for group in grouped(measured).values()]
    kept: list[Record] = []
    for group in sorted(groups, key=lambda group: min(map(_latency, group))):
        if kept and len(kept) + len(group) > MOST_DRAWN:
            break
        kept += group[:MOST_DRAWN]
    wanted = {id(row) for row in kept}
    return [row for row in measured if id(row) in wanted]


def _bars(plot: Plot, rows: Sequence[Record], runs: Runs, caption: str) -> str:
    panels = plot_panels(plot, rows, runs.metrics)
    caption = counted(plot.count, rows, runs.metrics) + caption
    return vector_picture(bars_svg(panels, title=plot.title, caption=caption), alt=plot_sentence(plot, panels))


def _latency(row: Record) -> float:
    return float("inf") if row.latency_p50_ms is None else row.latency_p50_ms


def _place_in_group(row: Record) -> tuple[bool, float]:
    """FP32, which the others are compared with, then the fastest."""
    return not row.is_baseline, _latency(row)
