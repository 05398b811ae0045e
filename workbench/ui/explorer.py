"""`explore`: choose among the rows of a run, and see what is left of it as pictures, a sentence and a table."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ipywidgets as widgets

from workbench.errors import InputError
from workbench.machine import this_machine
from workbench.records import Record, Status, write_records
from workbench.report.headline import headlines
from workbench.report.labels import count, method_label
from workbench.report.plots import draw_plots
from workbench.report.prose import plot_caption, result_sentences
from workbench.report.row_table import row_table
from workbench.report.tables import escape_markdown, reasons, to_markdown
from workbench.report.trade_off import draw_trade_off
from workbench.ui.choice import Choice
from workbench.ui.copy_button import CopyButton
from workbench.ui.markup import bullets, folded, paragraph, preformatted, table
from workbench.ui.run_pictures import drawn_rows, pictures_html
from workbench.ui.runs import Given, read_runs
from workbench.ui.sortable_table import SortableTable
from workbench.ui.view import View

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
        self._table = SortableTable()
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
        self._pictures.value = pictures_html(self.chosen, self._runs)
        self._below.value = self._missing_html()
        self._table.show(row_table(self.chosen))

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
        folder, drawn, metrics = self._runs.folders[0] / SAVED, drawn_rows(self.chosen), self._runs.metrics
        caption = plot_caption(self._runs.machines)
        figures = draw_plots(drawn, metrics, out_dir=folder, caption=caption)
        trade_off = draw_trade_off(drawn, metrics, out_dir=folder, caption=caption)
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


def _button(name: str, tooltip: str, icon: str) -> widgets.Button:
    return widgets.Button(description=name, tooltip=tooltip, icon=icon, layout=widgets.Layout(width="auto"))


def _words(rows: Sequence[Record]) -> str:
    measured = sum(row.status is Status.OK for row in rows)
    return f", {count(len(rows), 'row')}, {measured or 'none'} measured"
