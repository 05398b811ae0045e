"""One sample of the user's through a deployed model."""

import time
from pathlib import Path
from typing import Any

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.models.model import Model
from workbench.tasks.loader import load_task
from workbench.worker import Channel

RUNS = 5


def predict_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any], given: str
) -> dict[str, Any]:
    """Worker job: the prediction for what a user gave, as JSON and as a line, and the milliseconds of a call (the fastest of five)."""
    opened = Model.open(Path(model))
    loaded = load_task(task, opened.manifest.left_to_task)
    inputs, meta = loaded.preprocess(loaded.read(given))
    times = []
    with BACKENDS[backend].open(opened, Settings(**settings)) as session:
        for _ in range(RUNS):
            start = time.perf_counter()
            outputs = session.run(inputs)
            times.append(time.perf_counter() - start)
    prediction = loaded.postprocess(outputs, meta)
    return {"prediction": loaded.to_json(prediction), "text": loaded.tell(prediction), "run_ms": min(times) * 1e3}
