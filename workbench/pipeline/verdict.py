"""The last cell of a stage's notebook: the verdict as `result.json`, and an exception when it is bad."""

from pathlib import Path
from typing import Any

from workbench.callbacks import raised
from workbench.files import write_json
from workbench.machine import this_machine
from workbench.pipeline.report import problems
from workbench.pipeline.stages import Experiment, Stage

RESULT_VERSION = 1


class VerdictFailed(Exception):
    """A notebook ran to its end and found that what it checked is not as it should be."""


def conclude(experiment: Experiment, stage: Stage | str) -> dict[str, Any]:
    """Write a stage's verdict to `<run folder>/notebooks/<stage>.result.json`; raises VerdictFailed after writing a bad one."""
    reasons = problems(experiment, Stage(stage))
    path = experiment.run.path / "notebooks" / f"{stage}.result.json"
    return write_verdict(path, reasons=reasons, details={"stage": str(stage), "recipe": experiment.recipe.name})


def write_verdict(path: Path, *, reasons: list[str], details: dict[str, Any]) -> dict[str, Any]:
    """Write a verdict file; raises VerdictFailed, after writing, when there is a reason against passing.

    A callback of a view that raised in this kernel is one, too.
    """
    reasons = [*reasons, *raised()]
    verdict = "failed" if reasons else "passed"
    result = {
        "result_version": RESULT_VERSION,
        "verdict": verdict,
        "reasons": reasons,
        "machine_id": this_machine().machine_id,
    } | details
    write_json(path, result)
    if reasons:
        raise VerdictFailed("; ".join(reasons))
    return result
