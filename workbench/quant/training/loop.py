"""The training loop: steps, progress, checkpoints, evaluations, and an end before time."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.quant.training.batches import Batches
from workbench.quant.training.checkpoint import Checkpoint
from workbench.quant.training.options import Training
from workbench.quant.training.student import Student
from workbench.worker import Channel

SHOWN = 10  # losses in the mean that the progress bar shows
POINTS = 1000  # of the loss curve that a manifest holds, at most


@dataclass(frozen=True)
class Trained:
    """How a training went. `resumed_from`: iterations that an earlier process had done."""

    iterations: int
    losses: tuple[float, ...]
    metric: float | None
    resumed_from: int

    def facts(self) -> dict[str, Any]:
        """As a manifest holds it; each of `losses` is a mean over `iterations_per_loss`, one where the training is short."""
        step = math.ceil(len(self.losses) / POINTS)
        blocks = (self.losses[first : first + step] for first in range(0, len(self.losses), step))
        return {
            "iterations": self.iterations,
            "resumed_from": self.resumed_from,
            "first_loss": self.losses[0],
            "last_loss": self.losses[-1],
            "losses": [float(f"{sum(block) / len(block):.6g}") for block in blocks],
            "iterations_per_loss": step,
            "metric": self.metric,
        }


def run_training(channel: Channel, student: Student, batches: Batches, train: Training, *, checkpoint: Path, evaluate: Callable[[], float], better: int, keeps: bool = True) -> Trained:  # fmt: skip
    """Train from the checkpoint, or from the beginning, to the last iteration or the target metric.

    `evaluate` judges the student as it is; `better` is 1 where a higher metric is better and -1 where a lower one is; `keeps`: whether
    this process writes the checkpoints. Raises FloatingPointError when the loss is no number.
    """
    start = Checkpoint.load(checkpoint)
    losses: list[float] = []
    if start is not None:
        student.restore(start.state)
        losses = list(start.losses)
    metric: float | None = None
    for iteration in range(len(losses), batches.iterations):
        losses.append(student.step(iteration, *batches.batch(iteration)))
        if not math.isfinite(losses[-1]):
            raise _diverged(f"the loss is no number at iteration {iteration + 1}", train)
        done = iteration + 1
        if train.evaluate_iterations and done % train.evaluate_iterations == 0:
            metric = evaluate()
        channel.progress(done, batches.iterations, _label(losses, metric))
        if keeps and done % train.checkpoint_iterations == 0:
            Checkpoint(tuple(losses), student.state()).save(checkpoint)
        if metric is not None and train.target_metric is not None and better * (metric - train.target_metric) >= 0:
            break
    # A loss that is clipped can stay a number when the weights no longer are.
    if not all(np.isfinite(value).all() for value in student.weights().values()):
        raise _diverged(f"the weights are no numbers after iteration {len(losses)}", train)
    return Trained(len(losses), tuple(losses), metric, len(start.losses) if start else 0)


def _diverged(what: str, train: Training) -> FloatingPointError:
    return FloatingPointError(f"{what}; lower train.learning_rate, now {train.learning_rate:g}")


def _label(losses: list[float], metric: float | None) -> str:
    recent = losses[-SHOWN:]
    judged = "" if metric is None else f", metric {metric:.2f}"
    return f"training, loss {sum(recent) / len(recent):.4g}{judged}"
