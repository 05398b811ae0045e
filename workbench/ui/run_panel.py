"""A background run: how far it is, what it says, and buttons to cancel it and to start it again."""

import threading
import time
from pathlib import Path

import ipywidgets as widgets

from workbench import background_run
from workbench.background_run import BackgroundRun, RunState
from workbench.errors import InputError
from workbench.pipeline.run_progress import RunProgress, run_progress
from workbench.ui.markup import heading, paragraph, preformatted
from workbench.ui.view import View

POLL_S = 1.0
TAKES_UP = "starting again takes up where it stopped"
ENDED = {
    RunState.PASSED: "passed: its results are there to look at",
    RunState.FAILED: "ended, and something is not as it should be: the last lines say what",
    RunState.REFUSED: "did not begin: the last line says why",
    RunState.CANCELLED: f"cancelled; {TAKES_UP}",
    RunState.LOST: f"ended without a result: it was killed, or the machine stopped; {TAKES_UP}",
}


class RunPanel(View):
    """Shows one background run at a time. A thread reads its folder again as long as it runs; the run does not need the panel."""

    def __init__(self) -> None:
        self.run: BackgroundRun | None = None
        self._said = widgets.HTML()
        self._log = widgets.HTML()
        self._bar = widgets.IntProgress(
            min=0, max=100, description="progress", layout=widgets.Layout(width="auto", display="none")
        )
        self.cancel = widgets.Button(
            description="Cancel", icon="stop", tooltip="End the run as Ctrl-C does", disabled=True
        )
        self.again = widgets.Button(
            description="Start again", icon="play", tooltip="Go on with what is not finished yet", disabled=True
        )
        self._buttons = widgets.HBox((self.cancel, self.again))
        super().__init__((self._said, self._bar, self._buttons, self._log))
        self.cancel.on_click(self.guard(self._cancel))
        self.again.on_click(self.guard(self._start_again))
        self.refresh()

    def attach(self, run: BackgroundRun | None) -> None:
        """Show this run from now on."""
        self.run = run
        self.refresh()
        if run is not None and run.state is RunState.RUNNING:
            threading.Thread(target=self.guard(self._watch), args=(run,), daemon=True).start()

    def refresh(self) -> None:
        """Read the run's folder again and show what is there."""
        if self.run is None:
            self._said.value = paragraph("No run is shown.", quiet=True)
            self._log.value = ""
            self._bar.layout.display = self._buttons.layout.display = "none"
            return
        self.run = background_run.find(self.run.folder) or self.run
        progress, state = run_progress(self.run), self.run.state
        self._said.value = status_line(_sentence(self.run, state, progress))
        self._log.value = _log(progress)
        self._bar.value = 100 if state is RunState.PASSED else round(100 * progress.share)
        self._bar.layout.display = self._buttons.layout.display = None
        self.cancel.disabled = state is not RunState.RUNNING
        self.again.disabled = state is RunState.RUNNING

    def wait(self, *, timeout_s: float) -> RunState:
        """Wait until the run ends; returns how. Raises InputError when none is shown, TimeoutError when it takes longer."""
        if self.run is None:
            raise InputError("no run is shown: start one, or choose one that was started")
        deadline = time.monotonic() + timeout_s
        while (found := background_run.find(self.run.folder) or self.run).state is RunState.RUNNING:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found.folder} still runs after {timeout_s:g} s")
            time.sleep(POLL_S / 4)
        self.refresh()
        return found.state

    def static_html(self) -> str:
        """The sentence and the last lines."""
        return f"{self._said.value}{self._log.value}"

    def _watch(self, run: BackgroundRun) -> None:
        while self.run is not None and self.run.pid == run.pid and self.run.state is RunState.RUNNING and self.comm:
            time.sleep(POLL_S)
            self.refresh()

    def _cancel(self, _: object) -> None:
        if self.run is not None:
            self.cancel.disabled = True
            self._said.value = status_line(f"{self.run.folder.name}: cancelling ...")
            # In a thread: the run may take its time, and the page is to stay alive.
            threading.Thread(target=self.guard(self._end), args=(self.run,), daemon=True).start()

    def _end(self, run: BackgroundRun) -> None:
        run.cancel()
        self.refresh()

    def _start_again(self, _: object) -> None:
        if self.run is not None:
            self.attach(background_run.start(self.run.recipe, self.run.folder, smoke=self.run.smoke))


def status_line(text: str) -> str:
    """A paragraph that a screen reader reads out when it changes."""
    return f'<div role="status">{paragraph(text)}</div>'


def run_label(run: BackgroundRun) -> str:
    """A run in a list of them."""
    return f"{run.folder.name} (started {run.begun[:16].replace('T', ' ')} UTC)"


def _sentence(run: BackgroundRun, state: RunState, progress: RunProgress) -> str:
    if state is not RunState.RUNNING:
        where = f"; ui.explore({str(_shown(run.folder))!r})" if state is RunState.PASSED else ""
        return f"{run.folder.name}: {ENDED[state]}{where}"
    now = f"; now: {progress.job}{f' ({progress.step.text})' if progress.step else ''}" if progress.job else ""
    return f"{run.folder.name}: {progress.text}{now}"


def _shown(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _log(progress: RunProgress) -> str:
    parts = []
    if progress.lines:
        parts.append(heading("What it says") + preformatted("\n".join(progress.lines)))
    if progress.job_lines:
        parts.append(heading(f"What its last job says: {progress.job}") + preformatted("\n".join(progress.job_lines)))
    return "".join(parts)
