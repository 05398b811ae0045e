"""What the teaching notebooks need: a small recipe, written in the notebook itself, carried out, and the verdict on what it shows."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.files import write_text
from workbench.models.model import Model
from workbench.pipeline.accuracy import accuracy
from workbench.pipeline.deploy import deploy
from workbench.pipeline.latency import latency
from workbench.pipeline.opening import open_experiment, runs_folder
from workbench.pipeline.plan import FLOAT_MODEL
from workbench.pipeline.quantize import quantize
from workbench.pipeline.report import problems, report
from workbench.pipeline.stages import Experiment, Stage
from workbench.pipeline.verdict import write_verdict
from workbench.quant.calibration import Calibration
from workbench.records import Metric, Precision, Record, Status, read_metrics, read_records
from workbench.report.prose import disturbance_sentences
from workbench.tasks.base import Task
from workbench.tasks.loader import load_task

NOT_COPIED = (".*", "notebooks", "plots", "raw", "results.*", "metrics.csv", "report.*", "explore")


@dataclass(frozen=True)
class Lesson:
    """A finished run: its rows, and its models by the method and variant that made them (`fp32`: the model itself)."""

    experiment: Experiment
    records: list[Record]
    metrics: list[Metric]
    models: dict[str, Model]
    smoke: bool = False

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.experiment.run.path

    @property
    def disturbances(self) -> list[str]:
        """What else the machine did while latency was measured, a sentence for each group; empty when it was quiet."""
        return disturbance_sentences(self.metrics)

    @cached_property
    def task(self) -> Task:
        """The task itself, in this process: for its samples and its metric."""
        return load_task(self.experiment.task)

    def predictions(self, backend: str) -> dict[Precision, list[Any]]:
        """What FP32 and the first model of each other precision predict on a backend, of every evaluation sample in turn."""
        evaluated = self.experiment.load(Stage.ACCURACY)["cells"]
        found: dict[Precision, list[Any]] = {}
        for cell in self.experiment.cells():
            record = evaluated.get(cell.key, {})
            if cell.backend == backend and record.get("status") == Status.OK and cell.precision not in found:
                found[cell.precision] = json.loads(Path(record["predictions"]).read_text(encoding="utf-8"))
        return found

    def calibration(self, model: str) -> Calibration:
        """What calibration kept of every activation for a model that method `static` made."""
        kept = self.experiment.load(Stage.QUANTIZE)["models"][model]["kept"]
        return Calibration.load(self.folder / kept)

    def weights(self, model: str = FLOAT_MODEL) -> dict[str, NDArray[Any]]:
        """What a Paddle model stores, by variable name; read in a worker. Raises WorkbenchError when that fails."""
        opened = self.models[model]
        file = self.folder / "weights" / f"{opened.digest}.npz"
        if not file.is_file():
            arguments = {"model": str(opened.folder), "file": str(file)}
            with self.experiment.stage(Stage.QUANTIZE):
                record = self.experiment.job(
                    Stage.QUANTIZE, f"weights-{model}", "workbench.models.weights:weights_job", arguments,
                    identity=opened.digest, again=True,
                )  # fmt: skip
            if record["status"] != Status.OK:
                raise WorkbenchError(f"weights of {model}: {record['status']}: {record['reason']}")
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


def lesson_folder(name: str, output_dir: str = "") -> Path:
    """Where a lesson of this name puts its results: `output_dir`, or `runs/<name>`."""
    return (Path(output_dir) if output_dir else runs_folder() / name).resolve()


def run_lesson(recipe: dict[str, Any] | str, output_dir: str = "", *, smoke: bool = False) -> Lesson:
    """Carry out a recipe given as a dict, or by name or path, in `output_dir` or `runs/<its name>`; what is finished is not done again.

    `smoke` takes so little data that it only shows that everything runs. Raises InputError for a bad recipe. A row that ends
    badly fails the verdict, not the run.
    """
    if isinstance(recipe, str):
        experiment = open_experiment(recipe, output_dir, smoke=smoke)
    else:
        experiment = _open_written(recipe, output_dir, smoke=smoke)
    made = quantize(experiment)["models"]
    for stage in (deploy, accuracy, latency, report):
        stage(experiment)
    models = {
        key: Model.open(experiment.run.models / found["digest"]) for key, found in made.items() if found["digest"]
    }
    path = experiment.run.path
    return Lesson(experiment, read_records(path), read_metrics(path), models, smoke)


def measured_again(lesson: Lesson) -> Lesson:
    """The same models with their latency measured once more, in `<run folder>-again`: what differs between the two is noise.

    What is finished there is not done again.
    """
    folder = lesson.folder.with_name(f"{lesson.folder.name}-again")
    if not folder.exists():
        aside = folder.with_name(f".{folder.name}.unfinished")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(lesson.folder, aside, ignore=shutil.ignore_patterns(f"{Stage.LATENCY}-*.json", *NOT_COPIED))
        aside.rename(folder)
    experiment = open_experiment(lesson.experiment.recipe_file, folder, smoke=lesson.smoke)
    latency(experiment)
    report(experiment)
    return Lesson(experiment, read_records(folder), read_metrics(folder), lesson.models, lesson.smoke)


def _open_written(recipe: dict[str, Any], output_dir: str, *, smoke: bool) -> Experiment:
    folder = lesson_folder(str(recipe.get("name", "lesson")), output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "lesson.yaml"
    write_text(file, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))
    return open_experiment(file, folder, smoke=smoke)


def conclude_lesson(
    lesson: Lesson | Path,
    claims: Mapping[str, bool],
    *,
    speeds: Mapping[str, bool] | None = None,
    disturbed: bool = False,
) -> dict[str, Any]:
    """Write the verdict to `<run folder>/notebooks/lesson.result.json`; raises VerdictFailed after writing a bad one.

    `claims`: what the notebook says, one sentence each, and whether what it measured bears it out. It is bad when one is not
    borne out, or when a stage has problems. After a smoke run only the problems count: so little data bears nothing out.
    `speeds` are claims about time: where other work disturbed the measurement, by the lesson's own account or `disturbed`, one that
    is not borne out is told (`not_judged`) and not held against the notebook. A lesson without a run gives its folder.
    """
    timed = speeds or {}
    missed = [claim for claim, holds in timed.items() if not holds]
    busy = disturbed or (isinstance(lesson, Lesson) and bool(lesson.disturbances))
    held = [claim for claim, holds in claims.items() if not holds] + ([] if busy else missed)
    reasons = [f"not borne out: {claim}" for claim in held]
    if isinstance(lesson, Path):
        name = lesson.name
    else:
        name = lesson.experiment.recipe.name
        reasons = [] if lesson.smoke else reasons
        reasons += [f"{stage}: {problem}" for stage in Stage for problem in problems(lesson.experiment, stage)]
    folder = lesson if isinstance(lesson, Path) else lesson.folder
    details = {"recipe": name, "claims": [*claims, *timed], "not_judged": missed if busy else []}
    return write_verdict(folder / "notebooks" / "lesson.result.json", reasons=reasons, details=details)
