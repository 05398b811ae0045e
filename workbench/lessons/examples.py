"""The evaluation samples at which a quantized model differs most from FP32: what a notebook shows of a family's predictions."""

from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.pipeline.lesson import Lesson
from workbench.records import Precision


@dataclass(frozen=True)
class Example:
    """One sample, decoded, and what was predicted of it. `figures`: the task's metrics of this sample alone, by precision."""

    key: str
    image: Any
    truth: Any
    predictions: dict[Precision, Any]
    figures: dict[Precision, dict[str, float]]


def most_changed(lesson: Lesson, backend: str, amount: int) -> list[Example]:
    """The samples of which INT8 loses most against FP32 on a backend, the worst first; of equal ones the first.

    Raises WorkbenchError when either was not evaluated there.
    """
    found = lesson.predictions(backend)
    if missing := [precision for precision in (Precision.FP32, Precision.INT8) if precision not in found]:
        raise WorkbenchError(
            f"backend {backend}: no predictions of {missing[0]}; take a backend that the recipe deploys"
        )
    pair = {precision: found[precision] for precision in (Precision.FP32, Precision.INT8)}
    task = lesson.task
    samples = list(task.evaluation()[: len(pair[Precision.FP32])])
    figures = [
        {precision: task.metric([of[index]], [sample.truth]) for precision, of in pair.items()}
        for index, sample in enumerate(samples)
    ]
    sign = 1 if task.higher_is_better else -1

    def drop(index: int) -> float:
        return sign * (
            figures[index][Precision.FP32][task.primary_metric] - figures[index][Precision.INT8][task.primary_metric]
        )

    worst = sorted(range(len(samples)), key=lambda index: (-drop(index), index))[:amount]
    return [
        Example(
            samples[index].key,
            samples[index].decode(),
            samples[index].truth,
            {precision: of[index] for precision, of in pair.items()},
            figures[index],
        )
        for index in worst
    ]
