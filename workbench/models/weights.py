"""The weights of a Paddle Model as numpy arrays, for a process that does not load Paddle."""

import io
from pathlib import Path

import numpy as np

from workbench.files import write_bytes
from workbench.models.cleanup.program_graph import ProgramGraph, stored_variables
from workbench.models.model import Model
from workbench.worker import Channel


def weights_job(channel: Channel, *, model: str, file: str) -> list[str]:
    """Worker job: write everything that the Paddle Model in folder `model` stores as one .npz `file`; returns the names."""
    graph = ProgramGraph.load(Model.open(Path(model)).paddle_prefix)
    names = [variable.name for variable in stored_variables(graph.program)]
    buffer = io.BytesIO()
    np.savez(buffer, **{name: graph.value(name) for name in names})
    write_bytes(Path(file), buffer.getvalue())
    return names
