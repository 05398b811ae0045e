"""The runs that were started in the background: a list to choose from, and the chosen one."""

from collections.abc import Iterable
from pathlib import Path

import ipywidgets as widgets

from workbench import background_run
from workbench.background_run import BackgroundRun, RunState
from workbench.ui.run_panel import RunPanel, run_label


class StartedRuns(widgets.VBox):  # type: ignore[misc]
    """The list over the `panel` of the chosen run: at first the newest that still runs, if any."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self.panel = RunPanel()
        self.choice = widgets.Dropdown(
            description="show run", layout=widgets.Layout(width="max-content", max_width="95%")
        )
        self.choice.observe(self.panel.guard(self._show), names="value")
        super().__init__((self.choice, self.panel))
        found = background_run.background_runs(runs)
        self._list(found, next((run for run in found if run.state is RunState.RUNNING), None))

    def show(self, run: BackgroundRun) -> None:
        """Show this run, which was started just now."""
        self._list([run, *background_run.background_runs(self._runs)], run)

    def _list(self, found: Iterable[BackgroundRun], shown: BackgroundRun | None) -> None:
        self._found = {run.folder: run for run in found}
        self.choice.layout.display = None if self._found else "none"
        self.choice.options = [("none", None), *((run_label(run), folder) for folder, run in self._found.items())]
        self.choice.value = shown.folder if shown else None

    def _show(self, change: dict[str, Path | None]) -> None:
        self.panel.attach(self._found[change["new"]] if change["new"] else None)
