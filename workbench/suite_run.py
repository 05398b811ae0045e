"""Running a suite: each member's stages in a folder of its own, then one report of all.

The members' stages are called, not their notebooks: six kernels for each of twenty members would take longer than what they
do. A member's folder is that of any run, and the notebooks open it.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from workbench import pipeline
from workbench.errors import BusyError, InputError, UnavailableError, WorkbenchError
from workbench.experiment_run import RunResult, Say
from workbench.files import write_json, write_text
from workbench.machine import this_machine
from workbench.pipeline.merge import merge_runs
from workbench.pipeline.opening import open_experiment, runs_folder
from workbench.pipeline.report import problems as problems_of
from workbench.pipeline.rows import unmeasured
from workbench.pipeline.sources import at_hand
from workbench.pipeline.stages import Stage
from workbench.records import Status, write_metrics, write_records
from workbench.report.labels import count
from workbench.run_folder import RunFolder
from workbench.suite import Member, read_suite, recipe_text


def run_suite(file: Path, out: str = "", *, smoke: bool = False, fresh: bool = False, say: Say) -> RunResult:
    """Run every member and write the report of all; `say` gets a line for each. A member that fails costs its own rows only.

    Raises InputError for a suite that cannot be read, BusyError when another run works in the folder.
    """
    suite, members = read_suite(file)
    folder = (Path(out) if out else runs_folder() / (f"{suite.name}-smoke" if smoke else suite.name)).resolve()
    start, found = time.monotonic(), []
    with RunFolder.create(folder).lock("run"):
        goes_on = any((folder / member.recipe.name).is_dir() for member in members)
        for number, member in enumerate(members, 1):
            begun = time.monotonic()
            bad = _run_member(member, folder / member.recipe.name, smoke=smoke, fresh=fresh)
            found += [f"{member.recipe.name}: {problem}" for problem in bad]
            took = time.monotonic() - begun
            say(
                f"{number}/{len(members)} {member.recipe.name}: {'; '.join(bad) or member.unavailable or 'done'} ({took:.0f} s)"
            )
        seconds = time.monotonic() - start
        notes = [_note(len(members), seconds, goes_on=goes_on and not fresh), *([suite.note] if suite.note else [])]
        merge_runs(
            [folder / member.recipe.name for member in members],
            out=folder,
            title=suite.name,
            notes=notes,
            published=suite.published,
        )
    for note in notes:
        say(note)
    say(f"{'failed' if found else 'passed'}; results: {folder / 'report.html'}")
    return RunResult(folder, tuple(found))


def _note(members: int, seconds: float, *, goes_on: bool) -> str:
    before = ", going on from what an earlier run had done" if goes_on else ""
    return f"The whole suite, {count(members, 'model')}, took {seconds / 60:.0f} minutes{before}."


def _run_member(member: Member, folder: Path, *, smoke: bool, fresh: bool) -> list[str]:
    """All stages of one member; what is wrong with it, one line each. What this machine lacks is a row, not a fault."""
    if member.unavailable:
        _write_rows(member, folder, Status.UNAVAILABLE, member.unavailable)
        return []
    try:
        write_text(folder / "given.yaml", recipe_text(member.recipe))
        experiment = open_experiment(folder / "given.yaml", folder, smoke=smoke, fresh=fresh)
        at_hand(experiment.recipe.model)
    except InputError as error:
        _write_rows(member, folder, Status.UNAVAILABLE, str(error))
        return []
    try:
        found = []
        for stage in Stage:
            getattr(pipeline, stage)(experiment)
            found += problems_of(experiment, stage)
        return found
    except UnavailableError as error:
        _write_rows(member, folder, Status.UNAVAILABLE, str(error))
        return []
    except BusyError:
        raise
    except WorkbenchError as error:
        _write_rows(member, folder, Status.FAILED, str(error))
        return [str(error)]


def _write_rows(member: Member, folder: Path, status: Status, reason: str) -> None:
    """Results of a member of which nothing ran, as a finished run has them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_records(folder, unmeasured(member.recipe, status, reason))
    write_metrics(folder, [])
    write_json(folder / "machine.json", {"date": datetime.now(UTC).date().isoformat()} | this_machine().as_dict())
    write_text(folder / "recipe.yaml", recipe_text(member.recipe))
