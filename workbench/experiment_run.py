"""A whole run: the stage notebooks one after another, each judged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import InputError
from workbench.notebooks import NOTEBOOKS, STAGE_NOTEBOOKS, run_notebook
from workbench.pipeline.opening import open_experiment
from workbench.pipeline.rows import required_keys
from workbench.pipeline.stages import Experiment, Stage

Say = Callable[[str], None]


@dataclass(frozen=True)
class RunResult:
    """Where the results are, and why the run is not a success: one line each."""

    folder: Path
    problems: tuple[str, ...]


def run_experiment(
    recipe: str,
    out: str = "",
    *,
    smoke: bool = False,
    fresh: bool = False,
    only: str = "",
    junit: Path | None = None,
    say: Say,
) -> RunResult:
    """Execute the notebooks of all stages for a recipe; `say` gets a line for each.

    A stage whose verdict is bad does not stop the next ones: the table shows what went well beside what did not. Raises
    InputError, and BusyError when another run works in the folder.
    """
    experiment = open_experiment(recipe, out, smoke=smoke, fresh=fresh, only=only)
    if not NOTEBOOKS.is_dir():
        raise InputError(f"no notebooks at {NOTEBOOKS}: run from a checkout, installed with `pip install --editable .`")
    if junit is not None:
        _check_file(junit)
    folder = experiment.run.path
    parameters = {
        "recipe": str(experiment.recipe_file),
        "output_dir": str(folder),
        "smoke": smoke,
        "fresh": fresh,
        "only": only,
    }
    problems: list[str] = []
    with experiment.run.lock("run"):
        for stage, name in STAGE_NOTEBOOKS.items():
            say(f"{name} ...")
            result = run_notebook(
                NOTEBOOKS / f"{name}.ipynb",
                executed=folder / "notebooks" / f"{name}.ipynb",
                result_file=folder / "notebooks" / f"{stage}.result.json",
                parameters=parameters,
            )
            problems += [f"{name}: {problem}" for problem in result.problems]
            for problem in result.problems:
                say(f"  {problem}")
            if result.stopped:
                say(f"  see {result.executed}")
                break
    if junit is not None:
        _write_junit(junit, experiment)
    say(f"{'failed' if problems else 'passed'}; results: {folder / 'report.html'}")
    return RunResult(folder, tuple(problems))


def _check_file(junit: Path) -> None:
    """Refuse now what could not be written after the run."""
    try:
        junit.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--junit {junit}: {error.strerror}; choose another file") from None
    if junit.is_dir():
        raise InputError(f"--junit {junit}: this is a folder; give a file in it")


def _write_junit(path: Path, experiment: Experiment) -> None:
    from workbench.records import read_records
    from workbench.report.expectations import Verdict, VerdictStatus
    from workbench.report.junit import write_junit

    found = experiment.load(Stage.REPORT)["verdicts"]
    verdicts = [Verdict(v["name"], VerdictStatus(v["status"]), v["reason"]) for v in found]
    records = read_records(experiment.run.path)
    write_junit(
        path,
        suite=experiment.recipe.name,
        records=records,
        verdicts=verdicts,
        required=required_keys(experiment.recipe),
    )
