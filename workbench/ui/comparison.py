"""`compare`: two runs against each other, the looking side of `workbench compare`."""

from typing import Any

import ipywidgets as widgets

from workbench.pipeline.comparing import compare_folders
from workbench.pipeline.merge import is_run, machines_of
from workbench.report.compare import Difference
from workbench.report.differences import (
    change_sentences,
    difference_panels,
    difference_table,
    is_change,
    panel_sentence,
    summary_of,
)
from workbench.report.labels import count
from workbench.report.prose import plot_caption
from workbench.report.svg import bars_svg
from workbench.ui.choice import Choice
from workbench.ui.markup import bullets, folded, paragraph, table, vector_picture
from workbench.ui.runs import Given, run_folder
from workbench.ui.sortable_table import SortableTable
from workbench.ui.view import View

MOST_DRAWN = 40  # bars
MOST_SAID = 12  # sentences that need no unfolding


def compare(run_a: Given, run_b: Given) -> "Comparison":
    """See what became faster, slower, more or less accurate from run A to run B, beyond the noise.

    Latencies of different machines are not compared. Raises InputError for what is no finished run.
    """
    return Comparison(run_a, run_b)


class Comparison(View):
    """The view that `compare` gives. `chosen` are the differences that are looked at."""

    def __init__(self, run_a: Given, run_b: Given) -> None:
        super().__init__()
        self.folders = [run_folder(run) for run in (run_a, run_b)]
        self.differences = compare_folders(*self.folders)
        self.chosen: list[Difference] = []
        redraw = self.guard(self._redraw)
        self.only_changes = widgets.Checkbox(
            description="only what changed beyond the noise", indent=False, layout=widgets.Layout(width="auto")
        )
        self.only_changes.observe(lambda change: redraw(), names="value")
        self.choices = {
            title: Choice(title, {value: "" for value in values}, redraw)
            for title, values in self._values().items()
            if len(values) > 1
        }
        self._summary, self._picture = (widgets.HTML() for _ in range(2))
        self._table = SortableTable()
        controls = widgets.Box([*self.choices.values(), self.only_changes], layout=widgets.Layout(flex_flow="row wrap"))
        self.content = (controls, self._summary, self._picture, self._table)
        self._redraw()

    def _values(self) -> dict[str, list[Any]]:
        """What can be chosen among, by title."""
        found = {title: [_column(title, one) for one in self.differences] for title in ("What", "Backend", "Precision")}
        return {title: list(dict.fromkeys(values)) for title, values in found.items()}

    def _redraw(self) -> None:
        wanted = {title: choice.chosen for title, choice in self.choices.items()}
        self.chosen = [
            one
            for one in self.differences
            if all(_column(title, one) in values for title, values in wanted.items())
            and (is_change(one) or not self.only_changes.value)
        ]
        self._summary.value = self._summary_html()
        self._picture.value = self._picture_html()
        self._table.show(difference_table(sorted(self.chosen, key=lambda one: not is_change(one))))

    def _summary_html(self) -> str:
        names = [folder.name for folder in self.folders]
        if names[0] == names[1]:
            names = [str(folder) for folder in self.folders]
        said = change_sentences(self.chosen)
        rest = folded(f"{count(len(said) - MOST_SAID, 'more change')}", bullets(said[MOST_SAID:]))
        return paragraph(summary_of(self.differences, *names)) + bullets(said[:MOST_SAID]) + rest

    def _picture_html(self) -> str:
        """The bars of what was compared; the largest changes where there are many."""
        compared = [one for one in self.chosen if one.change is not None]
        largest = sorted(compared, key=lambda one: -abs(one.change or 0.0))[:MOST_DRAWN]
        kept = {id(one) for one in largest}
        panels = difference_panels([one for one in compared if id(one) in kept])
        if not panels:
            return paragraph("Nothing that is chosen was compared.", quiet=True)
        note = f"The {MOST_DRAWN} largest of {len(compared)} changes. " if len(compared) > MOST_DRAWN else ""
        machines = [machine for folder in self.folders if is_run(folder) for machine in machines_of(folder)]
        known = list({str(machine.get("machine_id")): machine for machine in machines}.values())
        svg = bars_svg(panels, title="From run A to run B", caption=note + plot_caption(known))
        return f'<div style="max-width: 720px">{vector_picture(svg, alt=panel_sentence(panels))}</div>'

    def static_html(self) -> str:
        """Sentences, bars and table of what is chosen."""
        rows = table(difference_table(self.chosen), caption="Differences")
        return f"{self._summary.value}{self._picture.value}{rows}"


def _column(title: str, difference: Difference) -> str:
    if title == "What":
        return difference.quantity.value
    return difference.row.backend if title == "Backend" else difference.row.precision.upper()
