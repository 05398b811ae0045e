"""The commands that use a finished run: `workbench predict` and `workbench export`."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.records import Precision

RunArgument = Annotated[Path, typer.Argument(help="folder of a run", metavar="RUN")]
ModelOption = Annotated[
    str, typer.Option(help="fp32, or a quantized model as the run names it: static-hist, ...", metavar="MODEL")
]


def predict(
    run: RunArgument,
    given: Annotated[str, typer.Argument(help="an image, or what else the task reads: a sentence", metavar="INPUT")],
    backend: Annotated[str, typer.Option(help="default: the recipe's first", metavar="BACKEND")] = "",
    model: ModelOption = "",
) -> None:
    """Show what the models of a run make of an image of yours, FP32 first."""
    from workbench import pipeline

    for answer in pipeline.predict(run, given, backend=backend, model=model):
        name = answer["precision"] if answer["model"] == "fp32" else f"{answer['precision']} {answer['model']}"
        typer.echo(f"{answer['backend']} {name}, {answer['run_ms']:.2f} ms: {answer['text']}")


def export(
    run: RunArgument,
    backend: Annotated[str, typer.Option(help="backend that is to run the model", metavar="BACKEND")],
    out: Annotated[Path, typer.Option(help="folder to write, not there yet", metavar="DIR")],
    model: ModelOption = "",
    precision: Annotated[Precision | None, typer.Option(help="default: the quantized one")] = None,
) -> None:
    """Write a model of a run with its pre- and post-processing and a short program that needs no workbench."""
    from workbench import pipeline

    files = pipeline.export(run, out, backend=backend, model=model, precision=precision)
    typer.echo(f"export: {len(files)} files in {out}; try: python {out / 'run.py'} --check")
