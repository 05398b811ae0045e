"""A model's weights as arrays; the model is read in a worker, since that takes Paddle."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.models.model import Model
from workbench.records import Status
from workbench.worker import Channel

TIMEOUT_S = 120


def read_weights(model: Model, folder: Path) -> dict[str, NDArray[Any]]:
    """The stored tensors of a Paddle Model by name; kept as `weights.npz` in the run folder. Raises WorkbenchError."""
    file, log = folder / "weights.npz", folder / "logs" / "weights.log"
    outcome = run_job(
        "workbench.lessons.weights:weights_job", {"model": str(model.folder), "file": str(file)}, log=log, timeout_s=TIMEOUT_S
    )  # fmt: skip
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"weights of model {model.label}: {outcome.status}: {outcome.reason}; see {log}")
    with np.load(file, allow_pickle=False) as stored:
        return dict(stored)


def weights_job(channel: Channel, *, model: str, file: str) -> list[str]:
    """Worker job: write a Model's stored tensors to `file` (npz); returns their names."""
    from workbench.models.cleanup.program_graph import ProgramGraph, stored_variables

    graph = ProgramGraph.load(Model.open(Path(model)).paddle_prefix)
    found = {v.name: np.array(graph.scope.find_var(v.name).get_tensor()) for v in stored_variables(graph.program)}
    np.savez(file, **found)
    return list(found)
