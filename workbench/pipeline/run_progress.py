"""How far a run is, read from its folder: the run itself may be another process's, or over."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.background_run import BackgroundRun
from workbench.errors import InputError
from workbench.experiment import Recipe, read_recipe
from workbench.machine import this_machine
from workbench.notebooks import STAGE_NOTEBOOKS
from workbench.pipeline.plan import Cell, cell_from_dict, cells, model_key
from workbench.pipeline.progress import progress_file
from workbench.pipeline.stages import Stage
from workbench.records import Status

BEGUN = re.compile(rf"({'|'.join(STAGE_NOTEBOOKS.values())}) \.\.\.")
TAIL_BYTES = 64_000
IMPORT = "import"


@dataclass(frozen=True)
class Step:
    """How far a job at work is: iterations of a training, samples, bytes."""

    done: int
    total: int
    label: str

    @property
    def share(self) -> float:
        """How much of the job is done, 0 to 1; 0 where that is not known."""
        return self.done / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        """The same in words."""
        return f"{self.label}, {self.done} of {self.total}" if self.total else self.label


@dataclass(frozen=True)
class RunProgress:
    """The stage at work, the jobs of it that are done of those that there are (both 0 where that is not known), and what was said last.

    `stage` is empty before the first one; `job` is the job that was started last, `step` how far that is, where it tells.
    """

    stage: str
    number: int
    stages: int
    done: int
    total: int
    job: str
    step: Step | None
    lines: tuple[str, ...]
    job_lines: tuple[str, ...]

    @property
    def share(self) -> float:
        """How much of the run is done, 0 to 1, every stage counting the same."""
        within = (self.done + (self.step.share if self.step else 0.0)) / self.total if self.total else 0.0
        return min(1.0, (max(0, self.number - 1) + within) / self.stages)

    @property
    def text(self) -> str:
        """The same in a line."""
        if not self.stage:  # it has not begun, or it is a suite, which tells of its members
            return self.lines[-1] if self.lines else "starting"
        jobs = f", {self.done} of {self.total} jobs done" if self.total else ""
        return f"stage {self.number} of {self.stages}: {self.stage}{jobs}"


def run_progress(run: BackgroundRun, *, lines: int = 8) -> RunProgress:
    """How far a run is; `lines`: how many of the last lines to give, of what it said and of what its last job said."""
    said = _last_lines(run.log)
    names = list(STAGE_NOTEBOOKS.values())
    begun = [match[1] for line in said if (match := BEGUN.fullmatch(line))]
    number = names.index(begun[-1]) + 1 if begun else 0
    stage = list(STAGE_NOTEBOOKS)[number - 1] if begun else ""
    done, total = _jobs(run.folder, stage)
    job = _current_job(run)
    job_lines = _last_lines(job)[-lines:] if job else []
    return RunProgress(
        stage, number, len(names), done, total, job.stem if job else "", _step(job), tuple(said[-lines:]), tuple(job_lines)
    )  # fmt: skip


def _jobs(folder: Path, stage: str) -> tuple[int, int]:
    """Jobs of a stage that are done, and all; 0 and 0 where it has none or they are not known yet."""
    try:
        recipe = read_recipe(folder / "recipe.yaml")
        wanted = _wanted(folder, Stage(stage), recipe)
    except (OSError, ValueError, InputError):
        return 0, 0
    done = {record["name"] for record in _records(folder, stage)}
    return len(wanted & done), len(wanted)


def _wanted(folder: Path, stage: Stage, recipe: Recipe) -> set[str]:
    """The names of the jobs that a stage does for each of its models or cells."""
    if stage is Stage.QUANTIZE:
        return {IMPORT, *map(model_key, recipe.quantize)}
    if stage is Stage.DEPLOY:
        return {f"check-{cell.key}" for cell in _possible(cells(recipe), _records(folder, stage))}
    if stage is Stage.REPORT:
        return set()
    deployed = json.loads((folder / "stages" / f"{Stage.DEPLOY}.json").read_text(encoding="utf-8"))["cells"]
    ready = [cell_from_dict(found["cell"]) for found in deployed.values() if found["status"] == Status.OK]
    return {f"evaluate-{cell.key}" if stage is Stage.ACCURACY else cell.key for cell in ready}


def _possible(planned: Iterable[Cell], records: list[dict[str, Any]]) -> list[Cell]:
    """The cells that the probes of this run did not rule out."""
    said = {record["name"]: record["value"] or {} for record in records}
    return [
        cell
        for cell in planned
        if not (
            BACKENDS[cell.backend].supports(cell.precision, cell.device)
            or BACKENDS[cell.backend].lacks(cell.precision, cell.device, this_machine())
            or said.get(f"probe-{cell.backend}-{cell.device}", {}).get("reason")
        )
    ]


def _records(folder: Path, stage: str) -> list[dict[str, Any]]:
    found = []
    for file in (folder / "jobs").glob(f"{stage}-*.json"):
        try:
            found.append(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # removed meanwhile
            continue
    return found


def _current_job(run: BackgroundRun) -> Path | None:
    """The log of the worker that this run started last."""
    started = [(file.stat().st_mtime, file) for file in (run.folder / "logs").glob("*.job.json")]
    time, newest = max(started, default=(0.0, None))
    return newest.with_suffix("").with_suffix(".log") if newest and time >= run.process_start else None


def _step(job: Path | None) -> Step | None:
    """How far the worker with this log is; None when it has ended, or does not tell."""
    try:
        return Step(**json.loads(progress_file(job).read_text(encoding="utf-8"))) if job else None
    except (OSError, ValueError, TypeError):
        return None


def _last_lines(log: Path) -> list[str]:
    """The last lines of a log that hold something; a bar that redraws its line counts as what it showed last."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n") if line.strip()]
