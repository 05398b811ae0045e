"""Showing the finished runs of several machines in one report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.files import write_json
from workbench.pipeline.opening import runs_folder
from workbench.records import read_metrics, read_records, write_metrics, write_records

MERGED = "merged"


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a finished run."""
    return (path / "results.json").is_file()


def finished_runs(targets: Sequence[str]) -> list[Path]:
    """Run folders given as such or by the name that they have in `runs/`; with none given, all finished ones there.

    One that was merged of others is left out then, or its rows would be shown twice. Raises InputError.
    """
    if not targets:
        found = sorted(path.parent for path in runs_folder().glob("*/results.json"))
        return [path for path in found if path.name != MERGED]
    folders = [Path(target) if is_run(Path(target)) else runs_folder() / target for target in targets]
    for target, folder in zip(targets, folders, strict=True):
        if not is_run(folder):
            raise InputError(f"run {target!r}: no finished run at {folder}; run it first, or give its folder")
    return folders


def merge_runs(
    runs: list[Path], *, out: Path | None = None, title: str = "", notes: Sequence[str] = (), published: bool = False
) -> Path:
    """Write the rows of all runs as one report into `out` (default: `merged` beside the first); returns its folder.

    `title` defaults to the runs' names; `notes` are sentences about how they were measured; `published` adds the published
    tables with these rows below theirs.

    Figures keep their machine: a baseline and its variants always come from one. Raises InputError for a folder that is
    no finished run.
    """
    from workbench.report.page import write_report
    from workbench.report.published import published_sections

    folder = out or runs[0].parent / MERGED
    if folder.resolve() in {run.resolve() for run in runs}:
        raise InputError(f"--out {folder}: it is one of the runs to merge; choose another folder")
    records = [record for run in runs for record in read_records(run)]
    metrics = [metric for run in runs for metric in read_metrics(run)]
    machines: dict[str, dict[str, Any]] = {}
    for machine in (machine for run in runs for machine in machines_of(run)):
        machines.setdefault(machine.get("machine_id", ""), machine)
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder, records)
    write_metrics(folder, metrics)
    shown = next(iter(machines.values())) if len(machines) == 1 else {"machines": list(machines.values())}
    write_json(folder / "machine.json", shown)
    recipes = "\n".join(f"# {run}\n{_text(run / 'recipe.yaml')}" for run in runs)
    write_report(
        folder,
        title=title or " + ".join(run.name for run in runs),
        records=records,
        metrics=metrics,
        machine=shown,
        recipe_text=recipes,
        verdicts=[],
        notes=notes,
        published=published_sections(records) if published else (),
    )
    return folder


def machines_of(run: Path) -> list[dict[str, Any]]:
    """The machine of a run, or those of one that was merged before."""
    try:
        machine = json.loads(_text(run / "machine.json") or "{}")
    except ValueError:
        machine = None
    if not isinstance(machine, dict):
        raise InputError(f"{run / 'machine.json'}: not valid JSON; write the report of that run again")
    machines: list[dict[str, Any]] = machine.get("machines", [machine])
    return machines


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
