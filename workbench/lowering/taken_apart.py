"""What a quantized network is taken apart into: the float network, and the ranges that it was quantized with."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.ranges import INT8_TOP
from workbench.models.scales import ActivationRange, WeightRange

if TYPE_CHECKING:
    import onnx

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass
class TakenApart:
    """`network` computes in float, with weights as they were dequantized; the ranges go by its tensors' names.

    `asymmetric` are the activations whose stored values were not around 0.
    """

    network: "onnx.ModelProto"
    activations: dict[str, ActivationRange] = field(default_factory=dict)
    weights: dict[str, WeightRange] = field(default_factory=dict)
    asymmetric: set[str] = field(default_factory=set)


def activation_range(minimum: float, maximum: float) -> ActivationRange:
    """The range of an activation that was quantized from `minimum` <= 0 to `maximum` >= 0."""
    return ActivationRange(minimum=minimum, maximum=maximum, absmax=max(-minimum, maximum, SMALLEST))


def weight_range(scale: NDArray[Any], axis: int, *, channels: int) -> WeightRange:
    """The range of a weight of int8 values around 0, for which a single scale counts for each of its `channels`."""
    absmax = np.broadcast_to(scale.astype(np.float64).reshape(-1) * INT8_TOP, channels)
    return WeightRange(axis=axis, absmax=tuple(float(value) for value in absmax))


def along(values: NDArray[Any], axis: int, dimensions: int) -> NDArray[Any]:
    """One value per channel, to be broadcast over a weight; a single value stays one."""
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if number == axis else 1 for number in range(dimensions)])
