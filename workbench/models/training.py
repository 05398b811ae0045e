"""What the training scripts of the shipped samples share. Importing this imports Paddle: after `import_paddle()`."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import paddle
from tqdm import tqdm

logger = logging.getLogger(__name__)

WEIGHT_DECAY = 0.05
TOLD = 100  # steps between two lines of the log


Cycle = tuple[int, float]
"""Steps, and the learning rate at their peak."""


def fit(network: Any, batches: Iterator[Any], loss: Callable[[Any, Any], Any], *, cycles: Sequence[Cycle]) -> None:
    """Train `network` by AdamW, the learning rate going up and down once in each cycle; logs the loss.

    `loss` takes the network and a batch and gives a scalar. Decay leaves biases and norms alone: it shrinks whole channels when
    it acts on these, and such channels quantize badly.
    """
    network.train()
    for steps, peak in cycles:
        _cycle(network, batches, loss, steps=steps, peak=peak)
    network.eval()


def _cycle(network: Any, batches: Iterator[Any], loss: Callable[[Any, Any], Any], *, steps: int, peak: float) -> None:
    schedule = paddle.optimizer.lr.OneCycleLR(peak, total_steps=steps, phase_pct=0.15, end_learning_rate=peak / 200)
    optimizer = paddle.optimizer.AdamW(
        schedule,
        parameters=network.parameters(),
        weight_decay=WEIGHT_DECAY,
        apply_decay_param_fun={p.name for p in network.parameters() if p.ndim > 1}.__contains__,
        grad_clip=paddle.nn.ClipGradByGlobalNorm(5.0),
    )
    losses = []
    for step in tqdm(range(1, steps + 1), disable=None):  # only on a terminal
        value = loss(network, next(batches))
        value.backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        losses.append(float(value))
        if step % TOLD == 0:
            logger.info("step %d of %d: loss %.3f", step, steps, np.mean(losses[-TOLD:]))
