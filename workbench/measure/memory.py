"""Peak memory of a process that opens a model and runs it, in a pass of its own."""

import resource
from pathlib import Path
from typing import Any

from workbench.backends.base import Settings, stack
from workbench.backends.registry import BACKENDS
from workbench.models.model import Model
from workbench.tasks.loader import load_task
from workbench.worker import Channel

RUNS = 10
KIBIBYTE = 1024


def memory_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any]
) -> dict[str, float]:
    """Worker job: `peak_rss_mb`, the largest resident set of this process in MB (1e6 bytes), runtime and task included."""
    wanted = Settings(**settings)
    loaded = load_task(task)
    inputs = loaded.preprocess(loaded.evaluation()[0].decode())[0]
    with BACKENDS[backend].open(Model.open(Path(model)), wanted) as session:
        for _ in range(RUNS):
            session.run(stack([inputs] * wanted.batch))
    return {"peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / 1e6}
