"""The learning rate of every iteration, in closed form: a training that was stopped goes on as if it had not been."""

import math
from collections.abc import Callable

from workbench.quant.training.options import Schedule, Training


def learning_rate(train: Training, *, iterations: int, per_epoch: int) -> Callable[[int], float]:
    """The learning rate by iteration, from 0: linear warm-up, then the schedule.

    The schedules are those of `paddle.optimizer.lr`: CosineAnnealingDecay (I. Loshchilov and F. Hutter, "SGDR", 2017, without
    restarts) and PiecewiseDecay.
    """
    period = train.cosine_iterations or iterations

    def rate(iteration: int) -> float:
        warm = min(1.0, (iteration + 1) / train.warmup_iterations) if train.warmup_iterations else 1.0
        factor = 1.0
        if train.schedule is Schedule.COSINE:
            factor = 0.5 * (1 + math.cos(math.pi * min(iteration / period, 1.0)))
        elif train.schedule is Schedule.PIECEWISE:
            factor = train.gamma ** sum(iteration >= epoch * per_epoch for epoch in train.milestones)
        return train.learning_rate * warm * factor

    return rate
