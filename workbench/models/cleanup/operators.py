"""What the rewrites know about Paddle's operators."""

from typing import Any

from workbench.models.cleanup.program_graph import ProgramGraph

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
CHANNELWISE = ELEMENTWISE | {"pool2d", "bilinear_interp_v2", "nearest_interp_v2", "bicubic_interp_v2"}
"""One input X, one output Out, and no channel touches another."""
LAYOUTS = ("NCHW", "AnyLayout", "")


def is_convolution(op: Any) -> bool:
    """A 2-D convolution, transposed or not, on NCHW tensors, of an input and a filter only (fused ones have a bias, too)."""
    if op is None or op.type not in CONVOLUTIONS | TRANSPOSED:
        return False
    return op.attr("data_format") in LAYOUTS and len(op.input_arg_names) == 2


def is_product(op: Any) -> bool:
    """A matrix product."""
    return op is not None and op.type in PRODUCTS


def result(op: Any) -> str:
    """The output of a convolution, a matrix product or an element-wise operator."""
    return str(op.output("Output" if is_convolution(op) else "Out")[0])


def bias_of_add(graph: ProgramGraph, op: Any) -> str:
    """The 1-D weight that an operator adds along the channels (axis 1); "" for any other operator."""
    if op is None or op.type != "elementwise_add":
        return ""
    bias, rank = str(op.input("Y")[0]), len(graph.shape(op.input("X")[0]))
    along_channels = op.attr("axis") in (1, 1 - rank)
    return bias if along_channels and graph.is_weight(bias) and len(graph.shape(bias)) == 1 else ""
