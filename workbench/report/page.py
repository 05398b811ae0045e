"""The report of a run: one page of HTML that needs nothing else, the same in Markdown, and the plots as files."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from workbench.files import write_text
from workbench.records import Metric, Record, Scope
from workbench.report.control import NAMES
from workbench.report.expectations import Verdict
from workbench.report.figure import Figure
from workbench.report.labels import SCOPE_TITLES
from workbench.report.methods import methods_tables
from workbench.report.panels import PLOTS
from workbench.report.plots import draw_plots
from workbench.report.prose import (
    MEASURED,
    control_sentences,
    disturbance_sentences,
    machine_facts,
    plot_caption,
    result_sentences,
    summary,
)
from workbench.report.published import Section
from workbench.report.search import search_section
from workbench.report.tables import (
    cells,
    column_groups,
    escape_markdown,
    field_table,
    long_table,
    metrics_table,
    reasons,
    to_markdown,
)
from workbench.report.trade_off import draw_trade_off


def write_report(
    folder: Path,
    *,
    title: str,
    records: Sequence[Record],
    metrics: Sequence[Metric],
    machine: dict[str, Any],
    recipe_text: str,
    verdicts: Sequence[Verdict],
    searches: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    published: Sequence[Section] = (),
) -> list[Figure]:
    """Write `report.html`, `report.md` and `plots/*.png` into a run folder; the same input gives the same files.

    Returns the plots. `searches`: what the accuracy-aware search found, by model. `notes`: sentences about how it was measured.
    `published`: the published tables with these rows below theirs.

    `machine` is the fingerprint as the run stored it, or {"machines": [...]} for the runs of several. A `date` in a
    fingerprint is shown, since the report reads no clock.
    """
    machines = machine.get("machines", [machine])
    caption, plots = plot_caption(machines), folder / "plots"
    figures = draw_plots(records, metrics, out_dir=plots, caption=caption)
    trade_off = draw_trade_off(records, metrics, out_dir=plots, caption=caption)
    drawn = {figure.title for figure in figures}
    sections = [
        search_section(key, found, records=records, out_dir=plots, caption=caption)
        for key, found in (searches or {}).items()
    ]
    page = {
        "title": title,
        "summary": summary(records, verdicts),
        "sentences": result_sentences(records, metrics, machines),
        "scopes": [(SCOPE_TITLES[scope], table) for scope in Scope if not (table := field_table(records, scope)).empty],
        "published": published,
        "methods": methods_tables(records),
        "trade_off": trade_off,
        "figures": figures,
        "searches": sections,
        "not_drawn": [plot.title for plot in PLOTS if plot.title not in drawn],
        "expectations": _verdict_table(verdicts),
        "reasons": reasons(records),
        "metrics": metrics_table([metric for metric in metrics if metric.name not in NAMES]),
        "rows": long_table(records),
        "measured": [*notes, *MEASURED, *control_sentences(metrics), *disturbance_sentences(metrics)],
        "machines": [machine_facts(one) for one in machines],
        "recipe": recipe_text,
    }
    for name in ("report.html", "report.md"):
        write_text(folder / name, _environment().get_template(f"{name}.j2").render(page))
    return [*figures, *([trade_off] if trade_off else []), *(section.figure for section in sections if section.figure)]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name != "report.md.j2",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        cells=cells, column_groups=column_groups, image=data_uri, markdown=to_markdown, line=escape_markdown
    )
    return environment


def data_uri(path: Path) -> str:
    """A PNG file as text that a page can hold."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _verdict_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    lines = [(verdict.name, verdict.status.replace("_", " "), verdict.reason) for verdict in verdicts]
    return pd.DataFrame(lines, columns=["Expectation", "Verdict", "Reason"], dtype=object)
