"""Inputs that are drawn: textures with the statistics of photographs, and tokens. The same seed gives the same arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.models.architectures.registry import Input

MEAN, SPREAD = 0.45, 0.226
"""Of the pixels of ImageNet's photographs, from 0 to 1."""

SHAPES = 12
COLOUR = 0.3


def draw(given: Input, seed: Sequence[int]) -> NDArray[Any]:
    """One sample for an input, without the batch axis."""
    random = np.random.default_rng(seed)
    shape = given.shape[1:]
    if given.below:
        # Not 0, which stands for padding.
        return random.integers(1 if given.below > 2 else 0, given.below, shape).astype(given.dtype)
    if len(shape) == 3:
        return texture(random, shape)
    return random.standard_normal(shape).astype(given.dtype)


def texture(random: np.random.Generator, shape: Sequence[int]) -> NDArray[np.float32]:
    """Planes [channels, height, width] as they come out of the usual normalisation: mean 0, standard deviation about 1.

    Clouds whose amplitude falls with the frequency as it does in photographs (1 / f: Field, 1987), alike in all channels, and
    boxes in front of them, for the edges that clouds do not have.
    """
    channels, height, width = shape
    clouds = _clouds(random, height, width)
    planes = np.stack([clouds + COLOUR * _clouds(random, height, width) for _ in range(channels)])
    for _ in range(SHAPES):
        (top, bottom), (left, right) = (np.sort(random.integers(0, side + 1, 2)) for side in (height, width))
        planes[:, top:bottom, left:right] *= 0.5
        planes[:, top:bottom, left:right] += random.normal(0.0, 0.7, (channels, 1, 1))
    pixels = np.clip(MEAN + SPREAD * planes / planes.std(), 0.0, 1.0)
    drawn: NDArray[np.float32] = ((pixels - MEAN) / SPREAD).astype(np.float32)
    return drawn


def _clouds(random: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((height, width))) / frequency
    found = np.fft.irfft2(waves, s=(height, width))
    clouds: NDArray[np.float64] = found / max(float(found.std()), 1e-12)
    return clouds
