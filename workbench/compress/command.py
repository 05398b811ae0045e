"""`workbench compress`: the command lines of FastDeploy's tool and of PaddleDetection's, plus flags that replace paths."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.compress.choices import CompressDevice, CompressMethod
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.compress.reading import Flags, Reading
    from workbench.models.model import Model
    from workbench.tasks.image_folder import Preprocess

SHOWN = 60  # characters of a value


def compress(
    pairs: Annotated[
        list[str] | None, typer.Argument(help="overrides of the configuration, merged last", metavar="[KEY=VALUE]...")
    ] = None,
    config_path: Annotated[
        Path | None, typer.Option("--config_path", help="configuration of FastDeploy or ACT", metavar="FILE")
    ] = None,
    method: Annotated[
        CompressMethod | None, typer.Option("--method", help="quantize after training, or train for it")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="model configuration of PaddleDetection", metavar="FILE")
    ] = None,
    slim_config: Annotated[
        Path | None, typer.Option("--slim_config", help="slim configuration on top of it", metavar="FILE")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("-o", "--opt", help="as KEY=VALUE; a key is a dotted path", metavar="KEY=VALUE")
    ] = None,
    save_dir: Annotated[Path, typer.Option("--save_dir", help="folder for the model", metavar="DIR")] = Path("output"),
    devices: Annotated[
        CompressDevice, typer.Option("--devices", help="device that the recipe deploys on; calibration is on CPU")
    ] = CompressDevice.CPU,
    model: Annotated[
        Path | None, typer.Option(help="FP32 model, in place of the configuration's", metavar="PATH")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="folder of images, in place of the configuration's", metavar="DIR")
    ] = None,
    preprocess: Annotated[
        str, typer.Option(help="how images become inputs, such as classification", metavar="NAME")
    ] = "",
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="name of an input of the model; give one for each", metavar="NAME"),
    ] = None,
    task: Annotated[
        Path | None, typer.Option(help="your data and labels: a python file with a Task", metavar="FILE")
    ] = None,
    teacher: Annotated[Path | None, typer.Option(help="exported teacher of a distillation", metavar="PATH")] = None,
    out: Annotated[str, typer.Option("--out", help="run folder; default: runs/<name>")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="do finished jobs again")] = False,
) -> None:
    """Compress a model from a configuration of FastDeploy, ACT or PaddleDetection, and account for every key of it."""
    from workbench.compress.reading import Flags
    from workbench.pipeline.compress import check_device, compress
    from workbench.records import Device

    check_device(Device(devices))
    flags = Flags(
        model=_absolute(model),
        images=_absolute(images),
        preprocess=_preprocess(preprocess),
        inputs=tuple(inputs or ()),
        task=_absolute(task),
        teacher=_absolute(teacher),
        device=Device(devices),
    )
    reading = _read(config_path, config, slim_config, method, [*(overrides or ()), *(pairs or ())], flags)
    typer.echo("What became of each key (on the right: keys of the recipe that is run, or why a key is not used):")
    for entry in reading.entries:
        value = str(entry.value) if len(str(entry.value)) <= SHOWN else f"{str(entry.value)[:SHOWN]}..."
        typer.echo(f"{entry.source}: {entry.key} = {value} -> {entry.used_as or f'not used: {entry.reason}'}")
    made = compress(reading, save_dir=save_dir, output_dir=out, fresh=fresh)
    for file in made.files:
        typer.echo(file)
    typer.echo(f"compress: {_what_was_made(made.model)}")
    if made.compared_on:
        where = f" --out {made.recipe_file.parent}" if out else ""
        typer.echo(f"compress: done; go on with: workbench deploy {made.recipe_file}{where}")
    else:
        typer.echo(
            "compress: done; no image is left to compare outputs on: to deploy and measure, add some and do it again"
        )


def _what_was_made(model: "Model") -> str:
    """Method, precision and size; how the training went; what pruning took away."""
    facts, said = model.manifest.facts, [f"{model.manifest.method}, {model.manifest.precision}, {model.size_mb:.2f} MB"]
    if trained := facts.get("training"):
        said.append(
            f"{trained['iterations']} iterations, loss {trained['first_loss']:.3g} -> {trained['last_loss']:.3g}"
        )
        if trained["metric"] is not None:
            said.append(f"metric {trained['metric']:.2f} on the search set")
    if "pruned_flops" in facts:
        said.append(f"{facts['pruned_flops']:.0%} fewer FLOPs")
    return "; ".join(said)


def _read(
    config_path: Path | None, config: Path | None, slim_config: Path | None, method: CompressMethod | None,
    overrides: list[str], flags: "Flags",
) -> "Reading":  # fmt: skip
    from workbench.compress.read import read_config, read_pair

    if config_path is not None and config is None and slim_config is None:
        return read_config(config_path, method=method, overrides=overrides, flags=flags)
    if config is None or slim_config is None or config_path is not None:
        raise InputError(
            "give --config_path FILE (FastDeploy, ACT), or -c FILE and --slim_config FILE (PaddleDetection)"
        )
    if method is not None:
        raise InputError(f"--method {method}: belongs to --config_path; --slim_config itself says what to do")
    return read_pair(config, slim_config, overrides=overrides, flags=flags)


def _preprocess(name: str) -> "Preprocess | None":
    from workbench.tasks.image_folder import Preprocess

    if name and name not in set(Preprocess):
        raise InputError(f"--preprocess {name!r}: not known; choose one of {', '.join(Preprocess)}")
    return Preprocess(name) if name else None


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser().resolve()
