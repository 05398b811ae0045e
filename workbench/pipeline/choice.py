"""What the notebook on choosing a method needs: a finished run, if there is one, and the verdict on the decision table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.experiment import find_recipe, read_recipe
from workbench.pipeline.merge import is_run, machines_of
from workbench.pipeline.opening import runs_folder
from workbench.pipeline.verdict import write_verdict
from workbench.quant.recommend import cases, faults
from workbench.records import Metric, Record, read_metrics, read_records


@dataclass(frozen=True)
class FinishedRun:
    """The rows of a run that is there, or none; `note` says in a line what it is, or which command makes it."""

    folder: Path
    note: str
    records: list[Record]
    metrics: list[Metric]
    machines: list[dict[str, Any]]


def finished_run(recipe: str, output_dir: str = "") -> FinishedRun:
    """The run of a recipe in `output_dir`, by default `runs/<name of the recipe>`; nothing is made or measured."""
    folder = (Path(output_dir) if output_dir else runs_folder() / _name(recipe)).resolve()
    if not is_run(folder):
        where = f" --out {output_dir}" if output_dir else ""
        note = f"{folder.name}: not measured yet; this makes it: workbench run {recipe}{where}"
        return FinishedRun(folder, note, [], [], [])
    records = read_records(folder)
    made = len({(row.model, row.method, row.variant) for row in records if row.method != "none"})
    note = f"{folder.name}: {len(records)} rows; models that methods made: {made}"
    return FinishedRun(folder, note, records, read_metrics(folder), machines_of(folder))


def _name(recipe: str) -> str:
    try:
        return read_recipe(find_recipe(recipe)).name
    except InputError:
        return Path(recipe).stem


def conclude_choice(run: FinishedRun) -> dict[str, Any]:
    """Write the notebook's verdict to `<run folder>/notebooks/choose.result.json`; raises VerdictFailed when it is bad.

    It is bad when the decision table leaves a case without an answer, or gives it two.
    """
    details = {"combinations": len(cases()), "run": run.note}
    return write_verdict(run.folder / "notebooks" / "choose.result.json", reasons=faults(), details=details)
