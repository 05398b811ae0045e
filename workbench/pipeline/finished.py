"""A run that was made before: its experiment, and the deployed models that can be opened."""

import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError, WorkbenchError
from workbench.experiment import read_recipe
from workbench.launch import run_job
from workbench.pipeline.plan import Cell
from workbench.pipeline.stages import Experiment, Stage, ready_cells, session_arguments
from workbench.records import Status
from workbench.run_folder import RunFolder

RECIPE = "recipe.yaml"


def open_run(folder: Path) -> Experiment:
    """The experiment of a run folder, as its recipe was then; raises InputError where no stage `deploy` was finished."""
    state = folder / "stages" / f"{Stage.DEPLOY}.json"
    if not (folder / RECIPE).is_file() or not state.is_file():
        raise InputError(f"run {folder}: no deployed models in it; give a folder that `workbench run` or `deploy` made")
    given = Path(json.loads(state.read_text(encoding="utf-8"))["recipe_file"])
    # The task's own paths are relative to where the recipe was.
    return Experiment(read_recipe(folder / RECIPE), given, RunFolder(folder.resolve()))


def deployed_cells(experiment: Experiment, *, backend: str = "", model: str = "") -> list[tuple[Cell, str]]:
    """The cells that are deployed, with the digest of what a backend opens, the baseline first: of one backend and model, or of all.

    Only cells on one thread or the fewest there are, with the smallest batch. Raises InputError, with the choices, when there is none.
    """
    deployed = experiment.load(Stage.DEPLOY)["cells"]
    ready = ready_cells(experiment, deployed)
    fewest = {(c.backend, c.device): min((o.threads, o.batch) for o in ready if o.backend == c.backend) for c in ready}
    found = [cell for cell in ready if (cell.threads, cell.batch) == fewest[cell.backend, cell.device]]
    wanted = [cell for cell in found if backend in ("", cell.backend) and model in ("", cell.model)]
    if not wanted:
        backends, models = (sorted({getattr(cell, part) for cell in found}) for part in ("backend", "model"))
        raise InputError(
            f"run {experiment.run.path}: no deployed {model or 'model'} on {backend or 'any backend'}; "
            f"backends are: {', '.join(backends) or 'none'}; models are: {', '.join(models) or 'none'}"
        )
    return [(cell, deployed[cell.key]["prepared"]) for cell in wanted]


def use(experiment: Experiment, cell: Cell, prepared: str, function: str, *, what: str, **arguments: Any) -> Any:
    """What a worker job that opens a cell's model returns; `what` names the use. Raises WorkbenchError when the job fails."""
    outcome = run_job(
        function,
        session_arguments(experiment, cell, prepared, batch=1) | arguments,
        log=experiment.run.log(f"{what}-{cell.key}"),
        timeout_s=experiment.recipe.measure.timeout_s,
        threads=cell.threads,
    )
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"{what}: {cell.key}: {outcome.status}: {outcome.reason}")
    return outcome.value
