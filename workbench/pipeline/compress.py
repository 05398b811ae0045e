"""One-click compression: the recipe of a configuration that was read, stage 1, and the model where the user wants it."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from workbench.compress.reading import Reading
from workbench.errors import InputError, WorkbenchError
from workbench.files import write_text
from workbench.machine import this_machine
from workbench.models.importers import source_files
from workbench.models.model import Model
from workbench.models.side_files import copy_side_files, side_files
from workbench.pipeline.opening import open_experiment, runs_folder
from workbench.pipeline.plan import FLOAT_MODEL
from workbench.pipeline.quantize import quantize
from workbench.records import Device, Status
from workbench.run_folder import RunFolder


@dataclass(frozen=True)
class Compressed:
    """The Model that was made, the files that were written, and the recipe with which the other stages take it further.

    `compared_on` counts the samples that are left to compare outputs on; without any, those stages have no data.
    """

    model: Model
    files: tuple[Path, ...]
    recipe_file: Path
    compared_on: int


def check_device(device: Device) -> None:
    """Raise InputError for a GPU that is not there."""
    if device is Device.GPU and not this_machine().gpus:
        raise InputError("--devices gpu: this machine has no GPU that nvidia-smi shows; use --devices cpu")


def compress(reading: Reading, *, save_dir: Path, output_dir: str = "", fresh: bool = False) -> Compressed:
    """Run stage `quantize` of the recipe in a run folder, and write the model it made into `save_dir`.

    What lies beside the input model and must travel with it is copied too. Raises InputError before anything is written
    when a path is missing, and WorkbenchError when the model could not be made.
    """
    if reading.nothing:
        raise InputError(f"{reading.recipe.name}: {reading.nothing}")
    for path in reading.paths:
        path.check()
    inputs = source_files(reading.recipe.model)
    _check_target(save_dir, inputs)
    folder = Path(output_dir) if output_dir else runs_folder() / reading.recipe.name
    run = RunFolder.create(folder.resolve())
    recipe = run.path / "recipe.yaml"
    given = reading.recipe.model_dump(mode="json", exclude_defaults=True)
    with run.lock("stage"):  # a run in progress keeps its recipe
        write_text(recipe, yaml.safe_dump(given, sort_keys=False, allow_unicode=True))
    experiment = open_experiment(recipe, folder, fresh=fresh)
    state = quantize(experiment)
    made = next(model for key, model in state["models"].items() if key != FLOAT_MODEL)
    if made["status"] != Status.OK:
        raise WorkbenchError(
            f"{reading.recipe.name}: {made['status']}: {made['reason']}; see {experiment.run.path}/logs"
        )
    model = Model.open(experiment.run.models / made["digest"], verify=True)
    files = tuple(_save(model, reading.stem, save_dir))
    return Compressed(model, files, recipe, compared_on=state["task"]["evaluation"])


def _check_target(save_dir: Path, inputs: list[Path]) -> None:
    if save_dir.exists() and not save_dir.is_dir():
        raise InputError(f"--save_dir {save_dir}: this is a file; give a folder")
    if save_dir.resolve() in {file.resolve().parent for file in inputs}:
        raise InputError(f"--save_dir {save_dir}: the input model lies there; give another folder")


def _save(model: Model, stem: str, save_dir: Path) -> list[Path]:
    """Write the model under `stem`, and side files, aside; then rename: a new folder at once, or file by file."""
    save_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=save_dir.parent) as scratch:
        aside = Path(scratch) / "model"
        aside.mkdir()
        for ending in (".pdiparams", ".pdmodel"):
            shutil.copyfile(model.paddle_prefix.with_suffix(ending), aside / f"{stem}{ending}")
        copy_side_files(side_files(model.folder), aside)
        names = sorted(file.name for file in aside.iterdir())
        if save_dir.is_dir():
            for name in names:
                (aside / name).replace(save_dir / name)
        else:
            aside.rename(save_dir)
    return [save_dir / name for name in names]
