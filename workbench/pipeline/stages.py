"""An experiment that is being run: its recipe, its folder, and what each finished stage left for the next."""

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError
from workbench.experiment import Recipe
from workbench.files import content_hash, write_json, write_text
from workbench.launch import Outcome, run_job
from workbench.machine import package_version, this_machine
from workbench.models.model import MANIFEST, Model
from workbench.models.side_files import find_deploy_file
from workbench.pipeline.jobs import Job, run_together
from workbench.pipeline.plan import Cell, cell_from_dict, cells
from workbench.pipeline.progress import Bar
from workbench.records import Status
from workbench.run_folder import RunFolder
from workbench.tasks.loader import task_spec

logger = logging.getLogger(__name__)


class Stage(StrEnum):
    """The five stages, in order."""

    QUANTIZE = "quantize"
    DEPLOY = "deploy"
    ACCURACY = "accuracy"
    LATENCY = "latency"
    REPORT = "report"


RECIPE_PARTS = {
    Stage.QUANTIZE: ("model", "task", "quantize"),
    Stage.DEPLOY: ("model", "task", "quantize", "deploy"),
    Stage.ACCURACY: ("model", "task", "quantize", "deploy", "measure"),
    Stage.LATENCY: ("model", "task", "quantize", "deploy", "measure"),
    Stage.REPORT: ("model", "task", "quantize", "deploy", "measure", "expect"),
}


@dataclass(frozen=True)
class Experiment:
    """A recipe and the folder of its run."""

    recipe: Recipe
    recipe_file: Path
    run: RunFolder
    fresh: bool = False
    only: frozenset[str] = frozenset()

    @property
    def task(self) -> dict[str, Any]:
        """The task as workers take it, with the deploy file that travels with the imported model."""
        return task_spec(self.recipe.task, self.recipe_file.parent, deploy_file=self._deploy_file)

    @property
    def task_digest(self) -> str:
        """Names the task's code, options and data, as stage `quantize` found them."""
        return str(self.load(Stage.QUANTIZE)["task"]["task_digest"])

    @property
    def recipe_text(self) -> str:
        """The recipe as it is run: paths absolute (but those in the task's own options), smoke settings applied."""
        return yaml.safe_dump(
            self.recipe.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True
        )

    def cells(self) -> list[Cell]:
        """Every cell of the result table."""
        return cells(self.recipe)

    def measures_again(self, cell: Cell) -> bool:
        """Whether a cell is to be measured although there is a result of it."""
        return cell.key in self.only if self.only else self.fresh

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Hold the run folder while a stage works in it; raises BusyError when another process does."""
        with self.run.lock("stage"):
            self.run.sweep()
            write_text(self.run.path / "recipe.yaml", self.recipe_text)
            logger.info("%s: %s", self.recipe.name, stage)
            yield

    def save(self, stage: Stage, state: dict[str, Any]) -> None:
        """Keep what a stage leaves for the next ones."""
        made = {"recipe": self._hash(stage), "recipe_file": str(self.recipe_file), "machine": this_machine().machine_id}
        write_json(self._state_file(stage), made | state)

    def keep_imported(self, model: Model) -> None:
        """Remember which Model the recipe's became: a task may read what travels with it."""
        write_json(self._imported_file, {"digest": model.digest})

    def load(self, stage: Stage) -> dict[str, Any]:
        """What an earlier stage left; raises InputError when it has not run, or ran for another recipe."""
        try:
            state: dict[str, Any] = json.loads(self._state_file(stage).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            raise InputError(
                f"run folder {self.run.path}: stage {stage} has not run; run `workbench {stage} {self._given}` first"
            ) from None
        if state["recipe"] != self._hash(stage):
            raise InputError(
                f"run folder {self.run.path}: the recipe changed since stage {stage}; run `workbench {stage} {self._given}` again"
            )
        return state

    def job(self, stage: Stage, name: str, function: str, arguments: dict[str, Any], *, identity: Any, threads: int = 1,
            again: bool | None = None) -> dict[str, Any]:  # fmt: skip
        """One job, as `jobs` does it; returns its record."""
        return self.jobs(stage, [Job(name, function, arguments, identity, threads=threads, again=again)])[0]

    def jobs(self, stage: Stage, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Run jobs that need nothing of each other, unless they are finished; returns their records (status, reason, value, seconds).

        Where there are cores for it several run at once: never so for what is timed (stage `latency` has no jobs of this kind). A
        record that is not `ok` is tried again the next time.
        """
        records = {}
        missing: dict[tuple[bool, int], dict[str, Job]] = defaultdict(dict)
        for job in jobs:
            record = self._finished(stage, job)
            if record is None:
                missing[job.alone, job.threads].setdefault(job.key, job)
            else:
                records[job.key] = record
        for (alone, threads), unlike in missing.items():
            made = run_together(partial(self._run, stage), list(unlike.values()), threads=threads, alone=alone)
            records |= dict(zip(unlike, made, strict=True))
        return [records[job.key] for job in jobs]

    def _finished(self, stage: Stage, job: Job) -> dict[str, Any] | None:
        if self.fresh if job.again is None else job.again:
            return None
        record = self.run.finished(stage, job.key)
        return record if record is not None and self._still_there(record["value"]) else None

    def _run(self, stage: Stage, job: Job, stop: threading.Event) -> dict[str, Any]:
        log = self.run.log(f"{stage}-{job.name}")
        with Bar(job.name, log=log) as bar:
            outcome = run_job(
                job.function,
                job.arguments,
                log=log,
                timeout_s=self.recipe.measure.timeout_s,
                threads=job.threads,
                progress=bar,
                stop=stop,
            )
        return self.keep(stage, job.key, job.name, outcome)

    def keep(self, stage: Stage, key: str, name: str, outcome: Outcome) -> dict[str, Any]:
        """Write a job's record and return it."""
        if outcome.status is not Status.OK:
            logger.warning("%s: %s: %s", name, outcome.status, outcome.reason)
        record = {
            "stage": stage,
            "name": name,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            **asdict(outcome),
        }
        self.run.finish(stage, key, record)
        return record

    def _still_there(self, value: Any) -> bool:
        """A finished job whose Model was removed since (by `workbench clean`, say) must be done again."""
        return (
            not (isinstance(value, dict) and value.get("digest"))
            or (self.run.models / value["digest"] / MANIFEST).is_file()
        )

    @property
    def _imported_file(self) -> Path:
        return self.run.path / "stages" / "imported.json"

    @property
    def _deploy_file(self) -> Path | None:
        if not self._imported_file.is_file():
            return None
        digest = json.loads(self._imported_file.read_text(encoding="utf-8"))["digest"]
        return find_deploy_file(self.run.models / digest)

    @property
    def _given(self) -> str:
        return self.recipe.name if self.recipe_file.parent.name == "recipes" else str(self.recipe_file)

    def _state_file(self, stage: Stage) -> Path:
        return self.run.path / "stages" / f"{stage}.json"

    def _hash(self, stage: Stage) -> str:
        parts = set(RECIPE_PARTS[stage])
        if any(entry.accuracy for entry in self.recipe.quantize):
            parts |= {"deploy", "measure"}  # what a search is made for and judged by
        return content_hash(self.recipe.model_dump(mode="json", include=parts))


def ready_cells(experiment: Experiment, deployed: dict[str, Any]) -> list[Cell]:
    """The cells that can be measured, each group's baseline before the others."""
    found = [cell_from_dict(record["cell"]) for record in deployed.values() if record["status"] == Status.OK]
    return sorted(found, key=lambda cell: not cell.is_baseline)


def session_arguments(experiment: Experiment, cell: Cell, prepared: str, *, batch: int) -> dict[str, Any]:
    """The arguments that every job takes which opens a session: plain JSON."""
    settings = cell.settings(batch=batch).model_dump(mode="json")
    model = str(experiment.run.models / prepared)
    return {
        "backend": cell.backend,
        "model": model,
        "settings": settings,
        "task": experiment.task,
    }


def deployment_identity(experiment: Experiment, cell: Cell, prepared: str) -> list[Any]:
    """What a figure depends on besides how it is measured: a figure of another machine or library is never taken for this one's."""
    where = [cell.backend, cell.device, cell.precision, cell.pinned, cell.threads, cell.options]
    software = [BACKENDS[cell.backend].version(), package_version("quant-workbench")]
    return [prepared, where, experiment.task_digest, software, this_machine().machine_id]


def versions(*names: str) -> dict[str, str | None]:
    """Versions of installed packages, as part of a job's identity."""
    return {name: package_version(name) for name in names}
