"""`workbench inspect`: a recipe to start from, for a model that somebody has."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.errors import InputError


def inspect(
    model: Annotated[
        str,
        typer.Argument(
            help="ONNX file, Paddle inference folder, .pdmodel or stem; or a zoo model's name", metavar="MODEL"
        ),
    ],
    params: Annotated[
        Path | None, typer.Option(help=".pdiparams file, where its stem differs from the model's", metavar="FILE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the recipe into this file; default: print it", metavar="FILE")
    ] = None,
) -> None:
    """Guess what a model is for, and write a recipe to start from: every guess is marked as one, with its reason."""
    from workbench.files import write_text
    from workbench.inspection.recipe import starting_recipe

    if out is not None and out.exists():
        raise InputError(f"--out {out}: it is there already; give another file")
    folder = (out.parent if out else Path()).resolve()
    text = starting_recipe(model, params=params, folder=folder)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_text(out, text)
    for line in text.splitlines():
        if (note := line.strip()).startswith(("# guess", "# fill in", "# from")):
            typer.echo(note.removeprefix("# "))
    typer.echo(f"inspect: {out}; fill in what is marked so, then: workbench run {out}")
