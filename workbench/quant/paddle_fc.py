"""What Paddle Inference's INT8 makes of the weight of a matrix product, which is not always what the program says.

Found with paddlepaddle 3.0.0 by feeding unit vectors to a quantized product of known weight: the arithmetic below predicts its outputs to
1e-7. With a weight of `rows` inputs and `columns` outputs
- a square one is widened with the scale of the input's row in place of the output's column (quant_dequant_mkldnn_pass looks
  for the axis whose length is the number of scales, and tries the first one first), and
- it is then rounded with the largest value of the wrong numbers: for output j those of the j-th part of the row-major weight,
  as if it lay with its outputs first. What is larger is cut off; where the part is zero, the whole output is.
"""

import numpy as np
from numpy.typing import NDArray

LEVEL = 127
LEAST_SQNR_DB = 25.0
"""Of the weight that Paddle computes with. Rounding alone leaves about 40, large even weights 35; a product below this stays in float."""
REASON = "Paddle Inference would cut its weight off: it takes the scale of an output from the wrong part of the weight"


def paddle_scales(absmax: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """The scales to write for a weight of `rows` inputs: one and the same for a square one, so that their order is no matter."""
    return np.full_like(absmax, absmax.max()) if len(absmax) == rows else absmax


def weight_in_paddle(weight: NDArray[np.float32], absmax: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands for a weight [rows, columns] in the INT8 product, with the scales that `paddle_scales` gives."""
    scales = paddle_scales(absmax, weight.shape[0])
    widened = np.rint(weight / scales * LEVEL).clip(-LEVEL, LEVEL) * scales / LEVEL
    largest = np.abs(widened.reshape(weight.shape[1], weight.shape[0])).max(axis=1)
    steps = np.maximum(largest, np.finfo(np.float32).tiny) / LEVEL
    seen: NDArray[np.float32] = np.rint(widened / steps).clip(-LEVEL, LEVEL) * steps
    return seen


def survives(weight: NDArray[np.float32], absmax: NDArray[np.float32]) -> bool:
    """Whether a weight is nearly the same in Paddle's INT8 product."""
    noise = float(((weight_in_paddle(weight, absmax) - weight) ** 2).sum())
    return float((weight**2).sum()) >= noise * 10 ** (LEAST_SQNR_DB / 10)
