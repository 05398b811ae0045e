"""The verdict of a notebook that started a run in the background."""

from typing import Any

from workbench.background_run import BackgroundRun, RunState, find
from workbench.pipeline.run_progress import run_progress
from workbench.pipeline.verdict import write_verdict


def conclude_started(run: BackgroundRun) -> dict[str, Any]:
    """Write the verdict to `<run folder>/notebooks/started.result.json`; raises VerdictFailed after writing a bad one.

    It is bad when the run has not passed, or a callback of a view raised.
    """
    last = find(run.folder) or run
    said = run_progress(last).lines
    reasons = (
        []
        if last.state is RunState.PASSED
        else [f"{run.folder.name}: {last.state}: {said[-1] if said else 'it said nothing'}"]
    )
    return write_verdict(
        run.folder / "notebooks" / "started.result.json", reasons=reasons, details={"recipe": run.recipe}
    )
