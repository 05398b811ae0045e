"""Opening an experiment: its recipe read and checked, as far as that can be done without a worker, and its run folder made."""

from pathlib import Path

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError
from workbench.experiment import Quantization, Recipe, find_recipe, parse_recipe, read_recipe, validate
from workbench.models.architectures.registry import find_architecture
from workbench.models.importers import source_files
from workbench.models.sample import SAMPLES
from workbench.models.zoo import float_archive
from workbench.pipeline.plan import cells, matching, variant_of
from workbench.pipeline.stages import Experiment
from workbench.quant.registry import METHODS
from workbench.run_folder import RunFolder
from workbench.tasks.loader import task_options


def open_experiment(
    recipe: str | Path, output_dir: str | Path = "", *, smoke: bool = False, fresh: bool = False, only: str = ""
) -> Experiment:
    """Read and check a recipe (a shipped one's name, or a file) and make its run folder.

    `output_dir` defaults to `runs/<name>`; `smoke` takes so little data that it only shows that everything runs;
    `fresh` does finished jobs again; `only` names rows to measure again. Raises InputError.
    """
    file = find_recipe(recipe)
    read = read_recipe(file)
    _check_options(read, file)
    _check_sources(read)
    if smoke:
        read = _shortened(read.smoke())
    planned = cells(read)
    chosen = frozenset(matching(planned, only)) if only else frozenset()
    folder = Path(output_dir) if str(output_dir) else runs_folder() / (f"{read.name}-smoke" if smoke else read.name)
    return Experiment(read, file, RunFolder.create(folder.resolve()), fresh=fresh, only=chosen)


def check_recipe(text: str, folder: Path, *, where: str = "recipe") -> Recipe:
    """A recipe that is no file yet, checked as `open_experiment` checks one, and the options of its task as well.

    `folder` is where it is to lie. Raises InputError.
    """
    read = parse_recipe(text, folder, where=where)
    _check_options(read, where)
    _check_sources(read)
    if read.task.name is not None:
        validate(task_options(read.task.name), read.task.options, where=f"{where}: task.options")
    cells(read)
    return read


def runs_folder() -> Path:
    """`runs/` of the checkout that the current folder lies in, or of the current folder itself."""
    here = Path.cwd()
    root = next(
        (f for f in (here, *here.parents) if (f / "pyproject.toml").is_file() and (f / "notebooks").is_dir()), here
    )
    return root / "runs"


def _shortened(recipe: Recipe) -> Recipe:
    """The recipe with methods that take little time."""
    entries = []
    for entry in recipe.quantize:
        short = METHODS[entry.method].parse(entry.options).smoke().model_dump(mode="json")
        own = entry.model_dump(include=set(Quantization.model_fields))
        entries.append(Quantization.model_validate(own | {"variant": variant_of(entry)} | short))
    return recipe.model_copy(update={"quantize": entries})


def _check_options(recipe: Recipe, file: Path | str) -> None:
    for number, entry in enumerate(recipe.quantize):
        if entry.method not in METHODS:
            raise InputError(
                f"{file}: `quantize.{number}.method` = {entry.method!r}: not known; methods are: {', '.join(sorted(METHODS))}"
            )
        validate(METHODS[entry.method].Options, entry.options, where=f"{file}: quantize.{number}")
        if entry.accuracy is not None and "algo" not in METHODS[entry.method].Options.model_fields:
            raise InputError(
                f"{file}: `quantize.{number}.accuracy`: it searches over ranges and tensors in float, which method "
                f"{entry.method!r} does not have; leave it out, or give a method that trains its `train.target_metric`"
            )
    for number, deployment in enumerate(recipe.deploy):
        if deployment.backend not in BACKENDS:
            raise InputError(
                f"{file}: `deploy.{number}.backend` = {deployment.backend!r}: not known; backends are: {', '.join(sorted(BACKENDS))}"
            )
        validate(BACKENDS[deployment.backend].Options, deployment.options, where=f"{file}: deploy.{number}")


def _check_sources(recipe: Recipe) -> None:
    if recipe.model.path is not None:
        source_files(recipe.model)
    elif recipe.model.architecture is not None:
        find_architecture(recipe.model.architecture, recipe.model.input_shapes)
    elif recipe.model.zoo is not None:
        float_archive(recipe.model.zoo, recipe.model.archive)
    elif recipe.model.sample not in SAMPLES:
        raise InputError(f"model sample {recipe.model.sample!r}: not known; samples are: {', '.join(sorted(SAMPLES))}")
