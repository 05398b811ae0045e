"""`explore`: choose among the rows of a run, and see what is left of it as pictures, a sentence and a table."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets
from itables.widget import ITable

from workbench.errors import InputError
from workbench.machine import this_machine
from workbench.records import Record, Status, write_records
from workbench.report.front import front_svg, fronts
from workbench.report.groups import grouped
from workbench.report.headline import headlines
from workbench.report.labels import count, method_label
from workbench.report.panels import PLOTS, Plot, plot_panels, plot_rows
from workbench.report.plots import counted, draw_plots, plot_sentence
from workbench.report.prose import plot_caption, result_sentences
from workbench.report.row_table import row_table
from workbench.report.svg import bars_svg
from workbench.report.tables import escape_markdown, reasons, to_markdown
from workbench.report.trade_off import draw_trade_off
from workbench.ui.choice import Choice
from workbench.ui.copy_button import CopyButton
from workbench.ui.markup import bullets, folded, gallery, paragraph, preformatted, table, vector_picture
from workbench.ui.runs import Given, read_runs
from workbench.ui.view import View

MOST_DRAWN = 30  # rows: more bars than that nobody reads
MOST_FRONTS = 4
MOST_SAID = 4  # sentences that need no unfolding
MOST_OPEN = 6  # reasons that need no unfolding
MOST_STATIC = 100  # rows of the table where there are no widgets
SAVED = "explore"  # folder beside the run's plots
COLUMNS: dict[str, Callable[[Record], Any]] = {
    "Model": lambda row: row.model,
    "Method": lambda row: method_label(row.method, row.variant),
    "Backend": lambda row: row.backend,
    "Device": lambda row: row.device.value,
    "Precision": lambda row: row.precision.upper(),
    "Scope": lambda row: row.scope.replace("_", " "),
    "Threads": lambda row: row.threads,
    "Batch": lambda row: row.batch,
    "Machine": lambda row: row.machine_id,
}


def explore(runs: Given | Iterable[Given], *, can_save: bool = True) -> "Explorer":
    """Look at the rows of a run folder such as `runs/demo`, or of several.

    `can_save`: offer to save what is shown into the folder `explore` of the (first) run. Raises InputError for what is no run.
    """
    return Explorer(runs if isinstance(runs, Given) else list(runs), can_save=can_save)


class Explorer(View):
    """The view that `explore` gives. `chosen` are the rows that are looked at."""

    def __init__(self, given: Given | list[Given], *, can_save: bool = True) -> None:
        super().__init__()
        self.chosen: list[Record] = []
        self._given = given
        self._runs = read_runs(given)
        self.choices: dict[str, Choice] = {}
        self._controls = widgets.Box(layout=widgets.Layout(flex_flow="row wrap"))
        self._summary, self._pictures, self._below, self._said = (widgets.HTML() for _ in range(4))
        self._table = ITable(
            style="width: 100%; margin: 0", classes="display compact", maxBytes=0, pageLength=10, scrollX=True
        )
        self._again = _button("Read again", "read the run's results again, as they are now", "refresh")
        self._again.on_click(self.guard(self._read_again))
        actions = [self._again, *self._copying(), *(self._saving() if can_save else ())]
        bar = widgets.Box(actions, layout=widgets.Layout(flex_flow="row wrap"))
        self.content = (self._controls, self._summary, self._pictures, self._table, self._below, bar, self._said)
        self._offer()
        self._redraw()

    def _offer(self) -> None:
        """A choice for every column in which the rows differ."""
        changed = self.guard(self._redraw)
        self.choices = {}
        for title, column in COLUMNS.items():
            rows: dict[Any, list[Record]] = {}
            for row in self._runs.records:
                rows.setdefault(column(row), []).append(row)
            if len(rows) > 1:
                self.choices[title] = Choice(title, {value: _words(of) for value, of in rows.items()}, changed)
        self._controls.children = tuple(self.choices.values())

    def _read_again(self, button: Any) -> None:
        self._runs = read_runs(self._given)
        self._offer()
        self._redraw()

    def _redraw(self) -> None:
        self.chosen = self._select()
        self._summary.value = self._summary_html()
        self._pictures.value = self._pictures_html()
        self._below.value = self._missing_html()
        self._table.layout.display = "" if self.chosen else "none"
        if self.chosen:
            self._table.update(row_table(self.chosen))

    def _select(self) -> list[Record]:
        wanted = [(COLUMNS[title], choice.chosen) for title, choice in self.choices.items()]
        return [row for row in self._runs.records if all(column(row) in chosen for column, chosen in wanted)]

    def _summary_html(self) -> str:
        notes = "".join(paragraph(note, quiet=True) for note in self._runs.notes)
        if not self._runs.records:
            return notes or paragraph("The run has no rows.")
        if not self.chosen:
            return notes + paragraph(self._why_empty())
        lines = self._headlines()
        said = "".join(paragraph(line) for line in lines[:MOST_SAID])
        every = [*lines[MOST_SAID:], *result_sentences(self.chosen, self._runs.metrics, self._runs.machines)]
        number = f"{len(self.chosen)} of {count(len(self._runs.records), 'row')} chosen"
        return notes + said + folded(f"{number}; what they say, in {count(len(every), 'sentence')}", bullets(every))

    def _headlines(self) -> list[str]:
        return headlines(self.chosen, self._runs.metrics, here=this_machine().machine_id)

    def _why_empty(self) -> str:
        none = [title for title, choice in self.choices.items() if not choice.chosen]
        if none:
            return f"No row is chosen: nothing is ticked under {' and '.join(none)}."
        return "No row is chosen: none has all that is ticked; tick more."

    def _pictures_html(self) -> str:
        drawn = self._drawn()
        pictures, missing = [], []
        for plot in PLOTS:
            rows = plot_rows(plot, drawn)
            if rows:
                pictures.append(self._bars(plot, rows))
            elif self.chosen:
                missing.append(f"{plot.title} is not drawn: no chosen row has the figures.")
        found = fronts(self.chosen)
        pictures += [
            vector_picture(front_svg(front, caption=self._caption), alt=front.alt) for front in found[:MOST_FRONTS]
        ]
        timed = sum(row.status is Status.OK for row in self.chosen)
        if timed > len(drawn):
            missing.append(
                f"The bars are of {len(drawn)} of {timed} measured rows, where the fastest are; the table has all."
            )
        if len(found) > MOST_FRONTS:
            missing.append(
                f"The trade-off is drawn for {MOST_FRONTS} of {len(found)} models and scopes; choose fewer to see the others."
            )
        return gallery(pictures) + "".join(paragraph(line, quiet=True) for line in missing)

    def _drawn(self) -> list[Record]:
        """The measured rows that the bars are of: all, or where they are many whole comparison groups, the fastest first."""
        measured = [row for row in self.chosen if row.status is Status.OK]
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

    def _bars(self, plot: Plot, rows: Sequence[Record]) -> str:
        panels = plot_panels(plot, rows, self._runs.metrics)
        caption = counted(plot.count, rows, self._runs.metrics) + self._caption
        return vector_picture(bars_svg(panels, title=plot.title, caption=caption), alt=plot_sentence(plot, panels))

    @property
    def _caption(self) -> str:
        return plot_caption(self._runs.machines)

    def _missing_html(self) -> str:
        why = reasons(self.chosen)
        return folded(f"Not measured, and why ({len(why)})", table(why), is_open=len(why) <= MOST_OPEN)

    def _copying(self) -> list[widgets.Widget]:
        return [
            CopyButton("Copy as Markdown", "the sentences and the table of the chosen rows", self.guard(self._copied))
        ]

    def _copied(self) -> str:
        markdown = self.markdown()
        self._said.value = folded("Markdown of the chosen rows", preformatted(markdown), is_open=True)
        return markdown

    def markdown(self) -> str:
        """The sentences and the table of the chosen rows."""
        lines = [f"- {escape_markdown(line)}\n" for line in self._headlines()]
        return "".join(lines) + "\n" + to_markdown(row_table(self.chosen))

    def _saving(self) -> list[widgets.Widget]:
        folder = f"{self._runs.folders[0].name}/{SAVED}"
        png = _button("Save PNG", f"the pictures of the chosen rows, into {folder}", "picture-o")
        csv = _button("Save CSV", f"the chosen rows, into {folder}", "table")
        png.on_click(self.guard(lambda button: self._save(self._save_pictures)))
        csv.on_click(self.guard(lambda button: self._save(self._save_rows)))
        return [png, csv]

    def _save(self, write: Callable[[], list[str]]) -> None:
        folder = self._runs.folders[0] / SAVED
        if not self.chosen:
            raise InputError(f"nothing to save: {self._why_empty()}")
        try:
            names = write()
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror}); make it writable") from None
        self._said.value = paragraph(f"Saved in {folder}: {', '.join(names)}.")

    def _save_pictures(self) -> list[str]:
        folder, drawn, metrics = self._runs.folders[0] / SAVED, self._drawn(), self._runs.metrics
        figures = draw_plots(drawn, metrics, out_dir=folder, caption=self._caption)
        trade_off = draw_trade_off(drawn, metrics, out_dir=folder, caption=self._caption)
        return [figure.path.name for figure in (*figures, *([trade_off] if trade_off else []))]

    def _save_rows(self) -> list[str]:
        write_records(self._runs.folders[0] / SAVED, self.chosen)
        return ["results.csv", "results.json"]

    def static_html(self) -> str:
        """Sentences, pictures, table of the measured rows and the reasons of the others, of the chosen rows."""
        measured = [row for row in self.chosen if row.status is Status.OK]
        more = len(measured) - MOST_STATIC
        rest = paragraph(f"{more} more rows are in results.csv.", quiet=True) if more > 0 else ""
        rows = row_table(measured[:MOST_STATIC]).drop(columns="Status", errors="ignore")
        shown = table(rows, caption="Measured rows")
        return f"{self._summary.value}{self._pictures.value}{shown}{rest}{self._below.value}"


def _latency(row: Record) -> float:
    return float("inf") if row.latency_p50_ms is None else row.latency_p50_ms


def _place_in_group(row: Record) -> tuple[bool, float]:
    """FP32, which the others are compared with, then the fastest."""
    return not row.is_baseline, _latency(row)


def _button(name: str, tooltip: str, icon: str) -> widgets.Button:
    return widgets.Button(description=name, tooltip=tooltip, icon=icon, layout=widgets.Layout(width="auto"))


def _words(rows: Sequence[Record]) -> str:
    measured = sum(row.status is Status.OK for row in rows)
    return f", {count(len(rows), 'row')}, {measured or 'none'} measured"
