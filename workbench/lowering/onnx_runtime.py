"""ONNX Runtime's dialect on CPU: where its optimizer must find Q/DQ pairs to run INT8 kernels.

Measured with ONNX Runtime 1.31 on x86-64 with VNNI. Its kernels take uint8 activations and int8 weights; an operator
runs in INT8 only when all its inputs are dequantized and its output is quantized right there.
"""

import math
from typing import TYPE_CHECKING, Any

from workbench.lowering.graph import attribute, copies
from workbench.lowering.jobs import prepare
from workbench.lowering.plan import Dialect, Plan, handles
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

# QLinearAveragePool goes value by value: 2 x 2 of 256 x 56 x 56 takes 1.5 ms, as a convolution 0.16; from 256 values on it is the faster one.
LARGEST_WINDOW = 64


def prepare_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: the ONNX Model of the Paddle Model in folder `model`, with Q/DQ pairs when it is quantized.

    Returns the new Model's digest and the seconds it took.
    """
    return prepare(channel, model, models, dialect=DIALECT)


@handles("Conv", "Gemm", "MatMul")
def matrix_products_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """Input uint8, weight int8, bias int32; the output too, unless it leads to the network's outputs only.

    A convolution that writes float runs in float, then it may as well keep its float weight. Gemm and MatMul have kernels
    that write float. Relu and Clip stay right behind the product: a pair between them would part the kernels.
    """
    if reason := plan.why_float(node):
        plan.keep_in_float(node, reason)
        return
    written = plan.with_activation(node)
    writes_int8 = plan.leads_to_int8(written) and plan.ranges.known([written])
    plan.pair(node.input[0])
    if node.op_type == "Conv" and not writes_int8:
        plan.keep_in_float(node, _why_it_writes_float(plan, written))
        return
    plan.int8_weights.add(node.output[0])
    if writes_int8 and node.op_type != "MatMul":
        plan.pair(written)


def _why_it_writes_float(plan: Plan, written: str) -> str:
    if not plan.leads_to_int8(written):
        return "part of an output head"
    return "its output is kept in float" if plan.ranges.kept(written) else "its output has no range"


@handles("ConvTranspose")
def transposed_convolutions_stay_in_float(plan: Plan, node: "onnx.NodeProto") -> None:
    """There is no INT8 kernel."""
    plan.keep_in_float(node, "ONNX Runtime has no INT8 kernel for it on CPU")


@handles("Relu", "Clip")
def activations_are_absorbed(plan: Plan, node: "onnx.NodeProto") -> None:
    """Nothing to place: the quantizer behind clips as they do, and the runtime then drops them."""


@handles("LeakyRelu")
def leaky_relu_stands_between_two_pairs(plan: Plan, node: "onnx.NodeProto") -> None:
    """QLinearLeakyRelu is a table look-up; without a pair in front the convolution before would write float."""
    if plan.carries_pair(node.output[0]) and plan.ranges.known(node.input):
        plan.pair(node.input[0])


@handles("Add", "Mul")
def sums_and_products_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """QLinearAdd and QLinearMul: both inputs, when the output or the Relu behind is quantized."""
    inputs = plan.graph.activations(node)
    if len(inputs) == 2 and plan.carries_pair(plan.with_activation(node)) and plan.ranges.known(inputs):
        plan.pair(*inputs)


@handles("AveragePool", "GlobalAveragePool")
def averages_stand_between_two_pairs(plan: Plan, node: "onnx.NodeProto") -> None:
    """QLinearAveragePool and QLinearGlobalAveragePool; an average over few values is written as a convolution."""
    if plan.carries_pair(node.output[0]) and plan.ranges.known(node.input):
        plan.pair(node.input[0])
        if _divides_by_one_number(plan, node):
            plan.as_convolutions.add(node.output[0])
            plan.int8_weights.add(node.output[0])


def _divides_by_one_number(plan: Plan, node: "onnx.NodeProto") -> bool:
    """Whether an average is, at every place, over the same number of values, and so few that a convolution takes less time."""
    window, pads = attribute(node, "kernel_shape", []), attribute(node, "pads", [])
    if not window or math.prod(window) > LARGEST_WINDOW or attribute(node, "auto_pad", b"NOTSET") != b"NOTSET":
        return False
    shape = plan.graph.shape(node.input[0])
    if not any(shape[1:2]) or (any(pads) and not attribute(node, "count_include_pad", 0)):
        return False
    if not attribute(node, "ceil_mode", 0):
        return True
    strides = attribute(node, "strides", [1] * len(window))
    steps = zip(shape[2:], window, strides, strict=True)
    return not any(pads) and all(length and not (length - size) % stride for length, size, stride in steps)


@handles("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "MaxPool", "Resize")
def movement_keeps_the_scale(plan: Plan, node: "onnx.NodeProto") -> None:
    """One scale before and behind: the runtime then moves the bytes and drops both pairs.

    A Resize that interpolates runs in float between two pairs, each with a scale of its own.
    """
    tensors = [node.input[0], *filter(None, node.output)]
    if any(plan.carries_pair(name) for name in node.output) and plan.ranges.known(tensors):
        plan.pair(*tensors)
        if copies(node):
            plan.ranges.share(tensors)


@handles("Concat")
def concatenation_shares_one_scale(plan: Plan, node: "onnx.NodeProto") -> None:
    """QLinearConcat is a copy when all scales are equal.

    Behind Relu a scale is shared only with others behind Relu: with a zero point above 0 the Relu would not be absorbed.
    """
    inputs = plan.graph.activations(node)
    if len(inputs) != len(node.input) or not plan.carries_pair(node.output[0]):
        return
    if plan.ranges.known([*inputs, node.output[0]]):
        plan.pair(*inputs)
        if len({plan.graph.bounds(name) for name in inputs}) == 1:
            plan.ranges.share([*inputs, node.output[0]])


RULES = (
    matrix_products_read_int8,
    transposed_convolutions_stay_in_float,
    activations_are_absorbed,
    leaky_relu_stands_between_two_pairs,
    sums_and_products_read_int8,
    averages_stand_between_two_pairs,
    movement_keeps_the_scale,
    concatenation_shares_one_scale,
)
DIALECT = Dialect(
    backend="onnxruntime",
    rules=RULES,
    # Steep functions, most of them in heads: a quarter of a millisecond is not worth the error.
    better_in_float=frozenset({"Sigmoid", "Softmax", "Shape", "Cast"}),
    int32_bias=True,
)
