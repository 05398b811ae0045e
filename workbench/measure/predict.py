"""One sample, the user's or the task's own, through a deployed model."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import InputError
from workbench.models.model import Model
from workbench.tasks.base import Task
from workbench.tasks.loader import load_task
from workbench.worker import Channel

RUNS = 5
PICTURE = "picture"
OUTPUT = "output:"


class Shown(StrEnum):
    """What a prediction is, and so how it is shown."""

    RANKING = "ranking"
    BOXES = "boxes"
    CLASS_MAP = "class_map"
    CLASS = "class"
    OTHER = "other"


def predict_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any], given: str | int, kept: str = ""
) -> dict[str, Any]:  # fmt: skip
    """Worker job: the prediction for what a user gave, as JSON and as a line, and the milliseconds of a call (the fastest of five).

    A number stands for the evaluation sample of that place. File `kept`, an npz, gets the outputs and the decoded picture where
    there is one.
    """
    opened = Model.open(Path(model))
    loaded = load_task(task, opened.manifest.left_to_task)
    decoded = loaded.read(given) if isinstance(given, str) else _sample(loaded, given).decode()
    inputs, meta = loaded.preprocess(decoded)
    times = []
    with BACKENDS[backend].open(opened, Settings(**settings)) as session:
        for _ in range(RUNS):
            start = time.perf_counter()
            outputs = session.run(inputs)
            times.append(time.perf_counter() - start)
    prediction = loaded.postprocess(outputs, meta)
    if kept:
        picture = {PICTURE: decoded} if _is_picture(decoded) else {}
        np.savez(kept, **picture, **{f"{OUTPUT}{name}": value for name, value in outputs.items()})
    return {"prediction": loaded.to_json(prediction), "text": loaded.tell(prediction), "run_ms": min(times) * 1e3}


def samples_job(channel: Channel, *, task: dict[str, Any], limit: int) -> dict[str, Any]:
    """Worker job: the first evaluation samples of a task, each as its key, its text and its truth where those are short.

    With them: how predictions are shown, and the names of the classes.
    """
    loaded = load_task(task)
    samples = list(loaded.evaluation()[:limit])
    names: Any = getattr(loaded, "class_names", None) or getattr(loaded, "label_names", ())
    texts = shown_as(loaded) is Shown.CLASS
    return {
        "samples": [
            {"key": sample.key, "text": _text(sample.decode()) if texts else "", "truth": _short(sample.truth)} for sample in samples
        ],
        "shown": shown_as(loaded),
        "names": list(names),
    }  # fmt: skip


def shown_as(task: Task) -> Shown:
    """How the predictions of a task are shown: by what kind of task it is."""
    from workbench.tasks.classification import ClassificationTask
    from workbench.tasks.detection import DetectionTask
    from workbench.tasks.digits import DigitsClassification
    from workbench.tasks.segmentation import SegmentationTask
    from workbench.tasks.text import TextTask

    kinds = (
        ((ClassificationTask, DigitsClassification), Shown.RANKING),
        (DetectionTask, Shown.BOXES),
        (SegmentationTask, Shown.CLASS_MAP),
        (TextTask, Shown.CLASS),
    )
    return next((shown for kind, shown in kinds if isinstance(task, kind)), Shown.OTHER)


def _sample(task: Task, place: int) -> Any:
    samples = task.evaluation()
    if not 0 <= place < len(samples):
        raise InputError(f"sample {place}: the evaluation set has {len(samples)} samples, counted from 0")
    return samples[place]


def _is_picture(decoded: Any) -> bool:
    return isinstance(decoded, np.ndarray) and decoded.dtype == np.uint8 and decoded.ndim == 3 and decoded.shape[2] == 3


def _text(decoded: Any) -> str:
    return decoded if isinstance(decoded, str) else " / ".join(map(str, decoded))


def _short(truth: Any) -> str:
    return str(truth) if isinstance(truth, int | str) else ""
