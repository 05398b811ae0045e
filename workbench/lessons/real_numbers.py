"""A shipped network's first layer, computed here in numpy: real weights and activations to quantize by hand, without a runtime."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.models.sample import data_folder
from workbench.tasks.digits import enlarge, load_digits, normalise

Values = NDArray[np.float32]
LAYER = "conv1"
WEIGHTS = "digits_mobilenet_v1.npz"
EPSILON = 1e-5  # of paddle's batch norm
KERNEL, STRIDE = 3, 2


@dataclass(frozen=True)
class FirstLayer:
    """The first convolution of the shipped MobileNetV1 as a matrix product, for one held-out digit.

    `image` [3, 224, 224] in -1..1. `inputs` [12544, 27] holds what each output pixel sees of it, kernel row and column first, channel last,
    as in the weights [32, 27], which have the batch norm folded in. `outputs` [12544, 32] are those before the ReLU.
    """

    image: Values
    inputs: Values
    weights: Values
    outputs: Values


def first_layer(sample: int = 0) -> FirstLayer:
    """The layer's numbers for the held-out digit with this index."""
    image = normalise(enlarge(load_digits()[1].scans[sample]))
    with np.load(data_folder() / WEIGHTS, allow_pickle=False) as stored:
        names = ("0.weight", "1.weight", "1.bias", "1._mean", "1._variance")
        weights, gain, bias, mean, variance = (stored[f"{LAYER}.{name}"].astype(np.float32) for name in names)
    factor = gain / np.sqrt(variance + EPSILON)
    folded = (weights * factor[:, np.newaxis, np.newaxis, np.newaxis]).transpose(0, 2, 3, 1).reshape(len(weights), -1)
    inputs = _patches(image)
    return FirstLayer(image, inputs, folded, inputs @ folded.T + (bias - mean * factor))


def _patches(planes: Values) -> Values:
    """What each output pixel sees of planes [c, h, w] with zeros around them: [pixels, kernel row, column and channel]."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))  # type: ignore[call-overload]
    seen = windows[:, ::STRIDE, ::STRIDE].transpose(1, 2, 3, 4, 0)
    return np.ascontiguousarray(seen.reshape(-1, planes.shape[0] * KERNEL**2))
