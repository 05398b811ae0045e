"""`finished_runs`: a page for readers, which chooses among the finished runs in `runs/` and writes nothing."""

from pathlib import Path

import ipywidgets as widgets

from workbench.pipeline import merge
from workbench.ui.explorer import Explorer, explore
from workbench.ui.markup import paragraph
from workbench.ui.view import View

NONE = paragraph("No finished run in runs/ yet: `make demo` makes one.")


def finished_runs() -> "FinishedRuns":
    """Look at the finished runs in `runs/`, without a way to change any."""
    return FinishedRuns()


class FinishedRuns(View):
    """The view that `finished_runs` gives. `explorer` shows the chosen run, the one that was changed last at first."""

    def __init__(self) -> None:
        super().__init__()
        self.explorer: Explorer | None = None
        found = sorted(merge.finished_runs([]), key=_changed, reverse=True)
        self._choice = widgets.Dropdown(
            description="Run", options=[(run.name, run) for run in found], tooltip="the finished run to look at"
        )
        show = self.guard(lambda change: self._show())
        self._choice.observe(show, names="value")
        show(None)

    def _show(self) -> None:
        if self._choice.value is None:
            self.content = (widgets.HTML(NONE),)
            return
        # A run that cannot be read is not to stand over another's rows.
        self.explorer, self.content = None, (self._choice,)
        self.explorer = explore(self._choice.value, can_save=False)
        self.content = (self._choice, self.explorer)

    def static_html(self) -> str:
        """The chosen run's name, and what its explorer shows."""
        if self._choice.value is None:
            return NONE
        if self.explorer is None:
            return paragraph(f"Run {self._choice.label} cannot be read.")
        return paragraph(f"Run {self._choice.label}") + self.explorer.static_html()


def _changed(run: Path) -> float:
    return run.stat().st_mtime
