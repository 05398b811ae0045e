"""The command line: every command maps to one function of the package."""

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from workbench.compress.command import compress
from workbench.errors import InputError, WorkbenchError
from workbench.exit_codes import ExitCode
from workbench.export.command import export, predict
from workbench.inspection.command import inspect
from workbench.models.command import models
from workbench.models.scales import Scheme
from workbench.worker import USER_FAULTS, refused_by_system

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Quantize, deploy, check, measure, show.",
)
console = Console(soft_wrap=True)

RecipeArgument = Annotated[str, typer.Argument(help="name of a shipped recipe, or a recipe file", metavar="RECIPE")]
OutOption = Annotated[str, typer.Option("--out", help="run folder; default: runs/<name>")]
SmokeOption = Annotated[
    bool, typer.Option("--smoke", help="as little data and as few repeats as show that everything runs")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="do finished jobs again")]
OnlyOption = Annotated[
    str, typer.Option("--only", help="measure these rows again: backend/device/precision[/method]", metavar="ROW")
]


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


def _stage(name: str, recipe: str, options: dict[str, Any]) -> None:
    from workbench import pipeline
    from workbench.pipeline.report import problems

    experiment = pipeline.open_experiment(recipe, options.pop("out"), **options)
    getattr(pipeline, name)(experiment)
    found = problems(experiment, pipeline.Stage(name))
    for problem in found:
        console.print(problem, style="red", markup=False)
    console.print(f"{name}: {'failed' if found else 'done'}; {experiment.run.path}", markup=False)
    raise typer.Exit(ExitCode.FAILED if found else ExitCode.GOOD)


@app.command()
def quantize(
    recipe: RecipeArgument, out: OutOption = "", smoke: SmokeOption = False, fresh: FreshOption = False
) -> None:
    """Import the FP32 model and make the quantized ones."""
    _stage("quantize", recipe, {"out": out, "smoke": smoke, "fresh": fresh})


@app.command()
def sensitivity(
    recipe: RecipeArgument,
    out: OutOption = "",
    model: Annotated[str, typer.Option(help="quantized model; default: the recipe's first", metavar="MODEL")] = "",
    scheme: Annotated[Scheme, typer.Option(help="how activations are rounded")] = Scheme.SYMMETRIC,
    samples: Annotated[int, typer.Option(min=1, help="samples to compare outputs on")] = 6,
    top: Annotated[int, typer.Option(min=1, help="rows to show")] = 20,
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
) -> None:
    """Rank the tensors of a quantized model by what quantizing each alone does to the outputs."""
    from workbench import pipeline
    from workbench.report.sensitivity import sensitivity_table, skip_line, summary_line

    experiment = pipeline.open_experiment(recipe, out, smoke=smoke, fresh=fresh)
    found = pipeline.sensitivity(experiment, model, scheme=scheme, samples=1 if smoke else samples)
    _print_frame("Worst first", sensitivity_table(found, top=top))
    console.print(summary_line(found), markup=False)
    console.print(f"To keep the worst in float, write into the recipe: {skip_line(found, count=1)}", markup=False)


app.command()(compress)
app.command()(predict)
app.command()(export)
app.command()(inspect)
app.add_typer(models, name="models")


@app.command()
def deploy(recipe: RecipeArgument, out: OutOption = "", smoke: SmokeOption = False, fresh: FreshOption = False) -> None:
    """Prepare and open every model on every backend, and compare FP32 with Paddle."""
    _stage("deploy", recipe, {"out": out, "smoke": smoke, "fresh": fresh})


@app.command()
def accuracy(
    recipe: RecipeArgument,
    out: OutOption = "",
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
    only: OnlyOption = "",
) -> None:
    """Evaluate every deployed model on the task."""
    _stage("accuracy", recipe, {"out": out, "smoke": smoke, "fresh": fresh, "only": only})


@app.command()
def latency(
    recipe: RecipeArgument,
    out: OutOption = "",
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
    only: OnlyOption = "",
) -> None:
    """Measure the latency of every deployed model."""
    _stage("latency", recipe, {"out": out, "smoke": smoke, "fresh": fresh, "only": only})


@app.command()
def report(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="a recipe, or the run folders of several machines to show together", metavar="RECIPE|RUN..."
        ),
    ] = None,
    out: OutOption = "",
    smoke: SmokeOption = False,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="the published tables with the rows of these runs (default: of all) below theirs"
        ),
    ] = False,
) -> None:
    """Write tables, plots and the page of a recipe's run, or of several finished runs together."""
    from workbench.pipeline.merge import is_run, merge_runs

    if published:
        _print_published(targets or [])
    elif not targets:
        raise InputError("report: give a recipe, or the folders of finished runs such as runs/demo")
    elif len(targets) > 1 or is_run(Path(targets[0])):
        console.print(
            f"report: {merge_runs([Path(target) for target in targets], out=Path(out) if out else None)}", markup=False
        )
    else:
        _stage("report", targets[0], {"out": out, "smoke": smoke})


def _print_published(targets: list[str]) -> None:
    from workbench.pipeline.merge import finished_runs
    from workbench.records import read_records
    from workbench.report.published import published_sections
    from workbench.report.tables import cells

    records = [record for run in finished_runs(targets) for record in read_records(run)]
    for section in published_sections(records):
        rows = [[cell.text for cell in line] for line in cells(section.frame)]
        console.print(_table(section.title, list(section.frame.columns), rows))
        for note in section.notes:
            console.print(note, markup=False)
        console.print()


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
    _print_frame("Instruction sets and what they mean for INT8", isa_table(found))
    _print_frame("GPUs and what each generation computes", gpu_table(found))
    _print_frame("What runs here", doctor_table(found))
    for finding in found["findings"]:
        console.print(f"broken: {finding['problem']}", style="red", markup=False)
        console.print(f"    {finding['cure']}", markup=False)
    for row in doctor_reasons(found).to_dict("records"):
        console.print(f"{row['backend']} on {row['device']}, {row['precision']}: {row['reason']}", markup=False)
        if row["install"]:
            console.print(f"    {row['install']}", markup=False)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="run folder to compare with", metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(help="run folder to judge", metavar="RUN_B")],
    fail_on: Annotated[str, typer.Option("--fail-on", help="such as slower:5%,drop:0.5", metavar="LIMITS")] = "",
) -> None:
    """Tell what became faster, slower, less or more accurate from RUN_A to RUN_B, beyond the noise."""
    from workbench.pipeline.comparing import compare_folders
    from workbench.report.fail_on import failures, parse_fail_on

    limits = parse_fail_on(fail_on)
    differences = compare_folders(run_a, run_b)
    rows = [
        [
            d.verdict,
            d.quantity,
            _number(d.a),
            _number(d.b),
            _number(d.change),
            ": ".join(t for t in (d.key, d.reason) if t),
        ]
        for d in differences
    ]
    console.print(_table(f"{run_a} -> {run_b}", ["verdict", "quantity", "A", "B", "change", "row"], rows))
    failed = failures(differences, limits)
    for line in failed:
        console.print(line, style="red", markup=False)
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.GOOD)


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


def _print_frame(title: str, frame: "pd.DataFrame") -> None:
    console.print(
        _table(title, list(frame.columns), [[str(value) for value in row] for row in frame.itertuples(index=False)])
    )


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column != columns[-1])
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


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
