"""OpenVINO's dialect on CPU: pairs only in front of convolutions, matrix products and residual sums.

Measured with OpenVINO 2026.4 on x86-64 with VNNI. It fuses activations into the kernel before and moves a pair across
pooling and concatenation by itself; more pairs only add steps (a pair on both sides of LeakyRelu was slower than FP32).
"""

from typing import TYPE_CHECKING, Any

from workbench.lowering.graph import MOVEMENT
from workbench.lowering.jobs import prepare
from workbench.lowering.plan import Dialect, Plan, handles
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx


def prepare_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: the ONNX Model of the Paddle Model in folder `model`, with Q/DQ pairs when it is quantized.

    Returns the new Model's digest and the seconds it took.
    """
    return prepare(channel, model, models, dialect=DIALECT)


@handles("Conv", "ConvTranspose", "Gemm", "MatMul")
def matrix_products_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """Input uint8 and weight int8; other readers of the input still read float."""
    if reason := plan.why_float(node):
        plan.keep_in_float(node, reason)
        return
    plan.pair_for(node.input[0], node)
    plan.int8_weights.add(node.output[0])


@handles("Add")
def residual_sums_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """Both inputs, when the sum is used in INT8 later: the convolution before then adds the other input itself."""
    inputs = plan.graph.activations(node)
    if len(inputs) == 2 and plan.leads_to_int8(node.output[0]) and plan.ranges.known(inputs):
        for name in inputs:
            plan.pair_for(name, node)


RULES = (
    matrix_products_read_int8,
    residual_sums_read_int8,
)
DIALECT = Dialect(
    backend="openvino",
    rules=RULES,
    # The runtime fuses these or carries INT8 through them without pairs of their own.
    better_in_float=MOVEMENT
    | {"Relu", "Clip", "LeakyRelu", "Mul", "AveragePool", "GlobalAveragePool", "Sigmoid", "Softmax", "Shape", "Cast"},
    int32_bias=False,
)
