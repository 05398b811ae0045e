"""The command line: every command maps to one function of the package."""

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from workbench.compress.command import compress
from workbench.errors import InputError, WorkbenchError
from workbench.exit_codes import ExitCode
from workbench.export.command import export, predict
from workbench.inspection.command import inspect
from workbench.models.command import models
from workbench.report.command import compare
from workbench.stage_commands import (
    FreshOption,
    OnlyOption,
    OutOption,
    RecipeArgument,
    SmokeOption,
    accuracy,
    deploy,
    latency,
    quantize,
    report,
    sensitivity,
)
from workbench.terminal import console, print_frame
from workbench.worker import USER_FAULTS, refused_by_system

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Quantize, deploy, check, measure, show.",
)


class Schema(StrEnum):
    """What `workbench schema` prints."""

    RECIPE = "recipe"
    RESULTS = "results"
    REFERENCE = "reference"


@app.callback()
def _options(verbose: Annotated[bool, typer.Option("--verbose", "-v", help="tell more")] = False) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr)


@app.command()
def run(
    recipe: RecipeArgument,
    out: OutOption = "",
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
    only: OnlyOption = "",
    junit: Annotated[Path | None, typer.Option(help="write the verdict as JUnit XML too", metavar="FILE")] = None,
) -> None:
    """Run all stages through the notebooks: quantize, deploy, accuracy, latency, report; or all members of a suite."""
    from workbench.experiment import find_recipe
    from workbench.experiment_run import run_experiment
    from workbench.suite import is_suite

    if is_suite(file := find_recipe(recipe)):
        _run_suite(file, out, smoke=smoke, fresh=fresh, unfit={"--only": only, "--junit": junit})
    result = run_experiment(recipe, out, smoke=smoke, fresh=fresh, only=only, junit=junit, say=console.print)
    raise typer.Exit(ExitCode.FAILED if result.problems else ExitCode.GOOD)


def _run_suite(file: Path, out: str, *, smoke: bool, fresh: bool, unfit: dict[str, Any]) -> NoReturn:
    from workbench.suite_run import run_suite

    if given := next((option for option, value in unfit.items() if value), None):
        raise InputError(f"{given}: {file} is a suite; give it to one member: the recipe.yaml in its run folder")
    result = run_suite(file, out, smoke=smoke, fresh=fresh, say=console.print)
    raise typer.Exit(ExitCode.FAILED if result.problems else ExitCode.GOOD)


for command in (quantize, sensitivity, compress, predict, export, inspect, deploy, accuracy, latency, report, compare):
    app.command()(command)
app.add_typer(models, name="models")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> None:
    """Tell what this machine can run, and what to install for the rest."""
    from workbench.pipeline.doctor import doctor as examine
    from workbench.report.stage_tables import doctor_reasons, doctor_table, gpu_table, isa_table

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    machine = found["machine"]
    console.print(
        f"{machine['cpu']['model']}, {machine['cpu']['cores']} cores, {machine['memory_gb']} GB, {machine['os']}",
        markup=False,
    )
    print_frame("Instruction sets and what they mean for INT8", isa_table(found))
    print_frame("GPUs and what each generation computes", gpu_table(found))
    print_frame("What runs here", doctor_table(found))
    for finding in found["findings"]:
        console.print(f"broken: {finding['problem']}", style="red", markup=False)
        console.print(f"    {finding['cure']}", markup=False)
    for row in doctor_reasons(found).to_dict("records"):
        console.print(f"{row['backend']} on {row['device']}, {row['precision']}: {row['reason']}", markup=False)
        if row["install"]:
            console.print(f"    {row['install']}", markup=False)


@app.command()
def clean(
    runs: Annotated[list[Path], typer.Argument(help="run folders", metavar="RUN...")],
    everything: Annotated[
        bool, typer.Option("--all", help="remove the whole folder, results too; otherwise only what can be made again")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Free space: tell what is removed and how much that is, ask, and remove it."""
    from workbench.run_folder import removable, remove

    found = [path for run in runs for path in removable(run, everything=everything)]
    for path, size in found:
        console.print(f"{size / 1e6:10.1f} MB  {path}", markup=False)
    total = sum(size for _, size in found)
    if not found:
        console.print("nothing to remove")
    elif yes or typer.confirm(f"remove these {total / 1e6:.1f} MB?"):
        remove([path for path, _ in found])
        console.print(f"removed {total / 1e6:.1f} MB")


@app.command()
def recipes() -> None:
    """List the shipped recipes."""
    from workbench.experiment import RECIPES, read_recipe
    from workbench.suite import is_suite, read_suite

    for path in sorted(RECIPES.glob("*.yaml")):
        if is_suite(path):
            suite, members = read_suite(path)
            console.print(f"{suite.name}: a suite of {len(members)} models", markup=False)
            continue
        recipe = read_recipe(path)
        console.print(f"{recipe.name}: {recipe.model.label}, {recipe.task.label}", markup=False)


@app.command()
def schema(what: Annotated[Schema, typer.Argument(help="what to print")] = Schema.RECIPE) -> None:
    """Print the JSON Schema of recipes or results, or the reference page made from both."""
    from workbench.pipeline.schema import recipe_schema, reference_page, results_schema

    if what is Schema.REFERENCE:
        typer.echo(reference_page(), nl=False)
    else:
        typer.echo(json.dumps(recipe_schema() if what is Schema.RECIPE else results_schema(), indent=1))


def main() -> None:
    """Entry point; turns every way to end into one of the documented exit codes."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        code = int(app(standalone_mode=False) or ExitCode.GOOD)
        if code == ExitCode.INTERRUPTED:
            _say("interrupted; the same command takes up where this stopped")
        return code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        if message := error.format_message():
            _say(f"{message.rstrip('.')}; see workbench --help")
        return ExitCode.BAD_INPUT
    except InputError as error:
        _say(str(error))
        return ExitCode.BAD_INPUT
    except WorkbenchError as error:
        _say(str(error))
        return ExitCode.FAILED
    except OSError as error:
        if error.errno not in USER_FAULTS:
            raise
        _say(refused_by_system(error))
        return ExitCode.BAD_INPUT


def _say(message: str) -> None:
    typer.echo(f"workbench: {message}", err=True)


if __name__ == "__main__":
    main()
