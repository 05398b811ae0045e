"""Reading runs for a view: finished ones, one that is still going on, several together."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import InputError
from workbench.pipeline.merge import is_run, machines_of
from workbench.pipeline.opening import runs_folder
from workbench.pipeline.stages import Stage
from workbench.records import Metric, Record, read_metrics, read_records

Given = str | Path
Row = TypeVar("Row", Record, Metric)


@dataclass(frozen=True)
class Runs:
    """The rows of one or several runs; `notes` says which of them have none yet."""

    folders: list[Path]
    records: list[Record]
    metrics: list[Metric]
    machines: list[dict[str, Any]]
    notes: list[str]


def run_folder(given: Given) -> Path:
    """A run folder given by path, from here or from the checkout, or by its name in `runs/`; raises InputError for anything else."""
    tried = (Path(given), runs_folder().parent / given, runs_folder() / given)
    for folder in tried:
        if is_run(folder) or _stages(folder) is not None:
            return folder.resolve()
    raise InputError(f"run {str(given)!r}: no run folder there or in {runs_folder()}; give one such as runs/demo")


def read_runs(given: Given | Iterable[Given]) -> Runs:
    """The rows of a run, or of several: their models are then told apart by the run's name. Raises InputError for no run."""
    folders = [run_folder(one) for one in ([given] if isinstance(given, Given) else given)]
    if not folders:
        raise InputError("runs: none given; give a run folder such as runs/demo, or several")
    found = Runs(folders, [], [], [], [])
    machines: dict[str, dict[str, Any]] = {}
    for folder in folders:
        if not is_run(folder):
            found.notes.append(_progress(folder))
            continue
        lead = f"{folder.name}: " if len(folders) > 1 else ""
        found.records.extend(_named(row, lead) for row in read_records(folder))
        found.metrics.extend(_named(row, lead) for row in read_metrics(folder))
        machines |= {str(machine.get("machine_id", "")): machine for machine in machines_of(folder)}
    found.machines.extend(machines.values())
    return found


def _named(row: Row, lead: str) -> Row:
    return row.model_copy(update={"model": lead + row.model}) if lead else row


def _stages(folder: Path) -> list[str] | None:
    """The stages that a run has finished, or None for a folder that is no run."""
    if not (folder / "jobs").is_dir():
        return None
    return [stage.value for stage in Stage if (folder / "stages" / f"{stage}.json").is_file()]


def _progress(folder: Path) -> str:
    done = ", ".join(_stages(folder) or ()) or "none"
    return f"{folder.name}: no results yet (stages finished: {done}); its rows come with stage report. `Read again` looks for them."
