"""What the rewrites know about Paddle's operators."""

from typing import Any

CONVOLUTIONS = frozenset({"conv2d", "depthwise_conv2d"})
TRANSPOSED = frozenset({"conv2d_transpose", "depthwise_conv2d_transpose"})
PRODUCTS = frozenset({"mul", "matmul", "matmul_v2"})
# One input X, one output Out of the same shape, each element by itself.
ELEMENTWISE = frozenset(
    {
        "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "swish", "silu", "hard_swish", "hard_sigmoid", "mish", "gelu",
        "elu", "clip", "scale",
    }
)  # fmt: skip
LAYOUTS = ("NCHW", "AnyLayout", "")


def is_convolution(op: Any) -> bool:
    """A 2-D convolution, transposed or not, on NCHW tensors."""
    return op is not None and op.type in CONVOLUTIONS | TRANSPOSED and op.attr("data_format") in LAYOUTS


def is_product(op: Any) -> bool:
    """A matrix product."""
    return op is not None and op.type in PRODUCTS


def result(op: Any) -> str:
    """The output of a convolution, a matrix product or an element-wise operator."""
    return str(op.output("Output" if is_convolution(op) else "Out")[0])
