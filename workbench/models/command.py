"""`workbench models`: what the zoo has, what of it is here, fetching and checking it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from workbench.errors import InputError
from workbench.exit_codes import ExitCode

if TYPE_CHECKING:
    from workbench.models.zoo import Archive, Entry

models = typer.Typer(no_args_is_help=True, help="Published models: list, show, fetch and verify them.")
console = Console(soft_wrap=True)

NameArgument = Annotated[str, typer.Argument(help="name of a model of the zoo", metavar="NAME")]


class Part(StrEnum):
    """Which of a model's archives."""

    BOTH = "both"
    FP32 = "fp32"
    INT8 = "int8"


@models.command("list")
def list_models() -> None:
    """Show the models, their tasks, and what of them is on this machine."""
    from workbench.cache import cache_folder
    from workbench.models.zoo import read_zoo

    table = Table(
        title="Published models, and what of them is here", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in ("name", "task", "FP32", "INT8", "as", "offline"):
        table.add_column(column, overflow="fold", no_wrap=column in ("name", "task"))
    for name, entry in read_zoo().models.items():
        strategies = " ".join(dict.fromkeys(archive.strategy for archive in entry.int8))
        table.add_row(
            name,
            entry.task,
            _here(name, entry.fp32),
            _here(name, entry.int8),
            strategies,
            "yes" if entry.architecture else "no",
        )
    console.print(table)
    console.print(
        f"archives are kept in {cache_folder() / 'models'}; `workbench models fetch NAME` gets them", markup=False
    )


@models.command()
def show(name: NameArgument) -> None:
    """Tell all that is known of a model: archives and where they are, input, published results."""
    from workbench.models.zoo import read_zoo, zoo_entry
    from workbench.models.zoo_cache import CachedArchive

    entry = zoo_entry(name)
    for label, value in _facts(entry):
        console.print(f"{label:12} {value}", markup=False)
    for archive in entry.archives:
        cached = CachedArchive(name, archive)
        strategy = getattr(archive, "strategy", None)
        console.print(
            f"\n{f'INT8, {strategy}' if strategy else 'FP32'}: {archive.file_name} ({cached.found()})", markup=False
        )
        asked = "" if cached.url == archive.url else f", asked for as {cached.url}"
        console.print(f"  published at {archive.url}{asked}", markup=False)
        console.print(f"  kept at {cached.file}{f'; {archive.note}' if archive.note else ''}", markup=False)
    console.print("\nPublished results, not this machine's:")
    for line in _published(entry):
        console.print(line, markup=False, highlight=False)
    console.print("\nSources of the addresses:")
    stated = [archive.source for archive in entry.archives]
    for source in dict.fromkeys(stated):
        console.print(f"  {source}: {read_zoo().sources[source]}", markup=False)


@models.command()
def fetch(
    name: NameArgument,
    part: Annotated[Part, typer.Option(help="which archives")] = Part.BOTH,
    archive: Annotated[
        str, typer.Option(help="this archive alone, by its file name; default: the first of each part", metavar="FILE")
    ] = "",
) -> None:
    """Fetch a model's archives, check and unpack them; what is here already is not fetched again."""
    from workbench.pipeline.sources import fetched

    for chosen in _chosen(name, part, archive):
        console.print(f"{chosen.file_name}: {fetched(name, chosen).path}", markup=False)


@models.command()
def verify(
    name: Annotated[str, typer.Argument(help="name of a model; default: all that is here", metavar="[NAME]")] = "",
) -> None:
    """Compare what is here with its checksums; fetches nothing."""
    from workbench.models.zoo import read_zoo, zoo_entry
    from workbench.models.zoo_cache import CachedArchive, Found

    entries = {name: zoo_entry(name)} if name else read_zoo().models
    archives = [CachedArchive(model, archive) for model, entry in entries.items() for archive in entry.archives]
    here = [archive for archive in archives if archive.found() in (Found.ARCHIVE, Found.READY)]
    if name and not here:
        raise InputError(f"zoo model {name}: nothing of it is here; get it with `workbench models fetch {name}`")
    failed = False
    for archive in here:
        try:
            said = archive.verify()
        except InputError as error:
            failed = True
            console.print(str(error), style="red", markup=False)
        else:
            console.print(f"{archive.model}/{archive.archive.file_name}: {said}", markup=False)
    if not here:
        console.print("nothing is here")
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.GOOD)


def _chosen(name: str, part: Part, file_name: str) -> "list[Archive]":
    from workbench.models.zoo import float_archive, int8_archive, zoo_entry

    if not file_name:
        wanted = {Part.FP32: [float_archive], Part.INT8: [int8_archive], Part.BOTH: [float_archive, int8_archive]}[part]
        return [choose(name) for choose in wanted]
    archives = zoo_entry(name).archives
    found = [archive for archive in archives if archive.file_name == file_name]
    if not found:
        raise InputError(
            f"zoo model {name!r}: it has no archive {file_name!r}; archives are: {', '.join(a.file_name for a in archives)}"
        )
    return found


def _here(name: str, archives: "tuple[Archive, ...]") -> str:
    from workbench.models.zoo_cache import CachedArchive, Found

    found = {CachedArchive(name, archive).found() for archive in archives}
    return next(state for state in (Found.READY, Found.ARCHIVE, Found.PART, Found.NOTHING) if state in found)


def _facts(entry: "Entry") -> list[tuple[str, str]]:
    preparation = entry.preparation.model_dump(mode="json", exclude_defaults=True) if entry.preparation else {}
    decoder = entry.decoder.model_dump(mode="json", exclude_defaults=True) if entry.decoder else {}
    shapes = [
        f"{given.name} {'x'.join('N' if axis < 0 else str(axis) for axis in given.shape)}" for given in entry.inputs
    ]
    return [
        ("model", entry.title),
        ("task", f"{entry.task}, {entry.metric}"),
        ("licence", entry.licence),
        ("inputs", ", ".join(shapes) or "nowhere stated; the file itself says them"),
        ("preparation", ", ".join(f"{key}: {value}" for key, value in preparation.items()) or "see the archive's deploy file"),
        *([("decoder", ", ".join(f"{key}: {value}" for key, value in decoder.items()))] if decoder else []),
        ("network", f"architecture {entry.architecture}" if entry.architecture else "not to be had offline"),
    ]  # fmt: skip


def _published(entry: "Entry") -> Iterator[str]:
    """Every row of the published tables on a model, a line each, after one that names the table."""
    from workbench.report.published import published

    for table in published().tables:
        rows = [row for row in table.rows if row.model in entry.published_as]
        if rows:
            yield f"  {table.title}; {published().sources[table.source].title}"
        for row in rows:
            figures = [
                f"{name} {value:g} {table.unit}"
                for name, value in (
                    ("FP32", row.fp32),
                    ("FP16", row.fp16),
                    ("INT8", row.int8),
                    ("INT8+FP16", row.int8_fp16),
                    ("INT8+FP16+PM", row.int8_fp16_pinned),
                )
                if value is not None
            ]
            if row.metric_fp32 is not None and row.metric_int8 is not None:
                figures.append(f"{row.metric or entry.metric} {row.metric_fp32:g} -> {row.metric_int8:g}")
            threads = f", {row.threads} thread{'' if row.threads == 1 else 's'}" if row.threads else ""
            hardware = table.hardware.get(row.device, row.device)
            yield f"    {row.backend}, {hardware}{threads}: {', '.join(figures)}{f' ({row.method})' if row.method else ''}"
