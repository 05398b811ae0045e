"""Trains the shipped reader of number sentences: `python -m workbench.models.train_digits_text --out FILE`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.models.sample import TEXT_WEIGHTS
from workbench.models.train_command import train_command
from workbench.tasks.digits_parts import Part
from workbench.tasks.digits_sentences import endless_pairs
from workbench.tasks.digits_text import DigitsText, DigitsTextOptions

CYCLES = ((1000, 3e-3),)  # steps and peak learning rate
BATCH = 64


def batches(seed: int) -> Iterator[list[Any]]:
    """Endless batches of tensors: tokens, the number of their sentence, and the answers."""
    paddle = import_paddle()
    task = DigitsText(DigitsTextOptions(), Path())
    pairs = endless_pairs(Part.WEIGHTS, seed)
    while True:
        chosen = list(islice(pairs, BATCH))
        prepared = [task.preprocess((pair.first, pair.second))[0] for pair in chosen]
        inputs = [np.concatenate([values[name] for values in prepared]) for name in prepared[0]]
        yield [paddle.to_tensor(array) for array in (*inputs, np.array([pair.answer for pair in chosen]))]


def text_loss(network: Any, batch: list[Any]) -> Any:
    """Cross entropy of the answers."""
    from paddle.nn.functional import cross_entropy

    *inputs, answers = batch
    return cross_entropy(network(*inputs), answers)


def train(seed: int) -> Any:
    """A trained encoder."""
    from workbench.models.text_network import Encoder
    from workbench.models.training import fit

    network = Encoder()
    fit(network, batches(seed), text_loss, cycles=CYCLES)
    return network


if __name__ == "__main__":
    train_command(__doc__, TEXT_WEIGHTS, train, DigitsText(DigitsTextOptions(), Path()))
