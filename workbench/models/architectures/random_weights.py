"""Random weights that carry a signal through any depth, and batch norm statistics that are those of real activations.

Random weights alone make degenerate ranges: with the statistics that batch norms start from (mean 0, variance 1), activations
grow or die out layer by layer, and a network that is quantized then has nothing of the shape of a trained one.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import nn

from workbench.models.architectures.drawing import draw
from workbench.models.architectures.registry import Input

SEED = 0
BATCHES, BATCH = 2, 4
STATISTICS = ("._mean", "._variance")

SHIFT = 1.0
"""Bias of every batch norm, in standard deviations of what it gives.

With 0, which they start from, half of what enters a ReLU is cut off, and each layer makes any small difference larger, by 1.2
(Yang et al., "A Mean Field Theory of Batch Normalization", 2019): after 80 layers rounding alone changes the outputs. With 1 the
layers let a signal pass as those of trained networks do.
"""

OFFSET_SCALE = 0.1
"""Deformable convolutions start from no offsets at all, and trained ones look not far from there."""

EMBEDDING_STD = 0.02
"""As transformers are started (Devlin et al., 2019)."""

Progress = Callable[[int, int, str], None]


def fill(network: Any) -> None:
    """Draw every weight anew: He et al.'s normal distribution (2015) for convolutions and products, constants for what is added.

    What is fixed by the network (buffers, projections without gradient) stays. A transformer's layers, which are normalised
    each, start as they are published.
    """
    random = np.random.default_rng(SEED)
    transformer = any(isinstance(layer, nn.LayerNorm) for layer in network.sublayers())
    for name, layer in network.named_sublayers():
        match layer:
            case nn.Embedding():
                _normal(layer.weight, EMBEDDING_STD, random)
            case nn.Linear():
                _normal(layer.weight, EMBEDDING_STD if transformer else _he(layer.weight.shape[0]), random)
                _constant(layer.bias, 0.0)
            case nn.Conv2D():
                near = OFFSET_SCALE if name.endswith("offset") else 1.0
                _normal(layer.weight, near * _he(math.prod(layer.weight.shape[1:])), random)
                _constant(layer.bias, 0.0)
            case nn.Conv2DTranspose():
                _normal(layer.weight, _he(layer.weight.shape[0] / layer._groups), random)
                _constant(layer.bias, 0.0)
            case nn.BatchNorm2D():
                _constant(layer.weight, 1.0)
                _constant(layer.bias, SHIFT)


def _he(summed: float) -> float:
    """The standard deviation that keeps a signal's size, where each output is a sum of so many products behind a ReLU."""
    return float((2 / summed) ** 0.5)


def _normal(weight: Any, std: float, random: np.random.Generator) -> None:
    if not weight.stop_gradient:
        weight.set_value(paddle.to_tensor(random.normal(0.0, std, weight.shape).astype(np.float32)))


def _constant(weight: Any, value: float) -> None:
    if weight is not None:
        weight.set_value(paddle.full_like(weight, value))


def settle_batch_norms(network: Any, batches: Sequence[Sequence[NDArray[Any]]], *, progress: Progress) -> None:
    """Set every running mean and variance to the plain average over batches of the network's inputs; it ends in evaluation mode."""
    norms = [layer for layer in network.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    network.eval()
    if not norms:
        return
    for norm in norms:
        norm.train()
    with paddle.no_grad():
        for turn, inputs in enumerate(batches):
            for norm in norms:
                norm._momentum = turn / (turn + 1)
            network(*map(paddle.to_tensor, inputs))
            progress(turn + 1, len(batches), "batch norm statistics")
    network.eval()


def drawn_batches(inputs: Sequence[Input]) -> list[list[NDArray[Any]]]:
    """A few batches of drawn samples: by batch, by input."""
    return [[_batch(given, number, turn) for number, given in enumerate(inputs)] for turn in range(BATCHES)]


def _batch(given: Input, number: int, turn: int) -> NDArray[Any]:
    return np.stack([draw(given, (SEED, number, turn, index)) for index in range(BATCH)])


def copy_weights(source: Any, target: Any) -> None:
    """Give `target` the weights and statistics of a network that differs from it in nothing but the size of its inputs."""
    kept = {name for name, _ in source.named_parameters()}
    state = source.state_dict()
    target.set_state_dict({name: state[name] for name in state if name in kept or name.endswith(STATISTICS)})
