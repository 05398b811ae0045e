"""The commands of the stages: one alone, of the same recipe that `workbench run` takes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.errors import InputError
from workbench.exit_codes import ExitCode
from workbench.models.scales import Scheme
from workbench.terminal import console, print_frame, print_table

RecipeArgument = Annotated[str, typer.Argument(help="name of a shipped recipe, or a recipe file", metavar="RECIPE")]
OutOption = Annotated[str, typer.Option("--out", help="run folder; default: runs/<name>")]
SmokeOption = Annotated[
    bool, typer.Option("--smoke", help="as little data and as few repeats as show that everything runs")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="do finished jobs again")]
OnlyOption = Annotated[
    str, typer.Option("--only", help="measure these rows again: backend/device/precision\\[/method]", metavar="ROW")
]


def quantize(
    recipe: RecipeArgument, out: OutOption = "", smoke: SmokeOption = False, fresh: FreshOption = False
) -> None:
    """Import the FP32 model and make the quantized ones."""
    _stage("quantize", recipe, {"out": out, "smoke": smoke, "fresh": fresh})


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
    print_frame("Worst first", sensitivity_table(found, top=top))
    console.print(summary_line(found), markup=False)
    console.print(f"To keep the worst in float, write into the recipe: {skip_line(found, count=1)}", markup=False)


def deploy(recipe: RecipeArgument, out: OutOption = "", smoke: SmokeOption = False, fresh: FreshOption = False) -> None:
    """Prepare and open every model on every backend, and compare FP32 with Paddle."""
    _stage("deploy", recipe, {"out": out, "smoke": smoke, "fresh": fresh})


def accuracy(
    recipe: RecipeArgument,
    out: OutOption = "",
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
    only: OnlyOption = "",
) -> None:
    """Evaluate every deployed model on the task."""
    _stage("accuracy", recipe, {"out": out, "smoke": smoke, "fresh": fresh, "only": only})


def latency(
    recipe: RecipeArgument,
    out: OutOption = "",
    smoke: SmokeOption = False,
    fresh: FreshOption = False,
    only: OnlyOption = "",
) -> None:
    """Measure the latency of every deployed model."""
    _stage("latency", recipe, {"out": out, "smoke": smoke, "fresh": fresh, "only": only})


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
        print_table(section.title, list(section.frame.columns), rows)
        for note in section.notes:
            console.print(note, markup=False)
        console.print()


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
