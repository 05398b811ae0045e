"""TensorRT's dialect: explicit quantization of a strongly typed network, int8 around 0, for TensorRT 10, 11 and RTX.

Where a pair stands decides in which type a kernel reads and writes, so there is none that no INT8 kernel reads: on NanoDet-m, pairs
elsewhere made most of the loss. None stands behind a product either: its activation and the next quantizer fuse into it.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lowering.graph import MOVEMENT, attribute
from workbench.lowering.half import to_half
from workbench.lowering.jobs import lower
from workbench.lowering.onnx_export import OPSET, export_float, land
from workbench.lowering.placement import facts, place
from workbench.lowering.plan import Dialect, Plan, handles
from workbench.lowering.published import take_apart
from workbench.lowering.ranges import symmetric
from workbench.models.model import Model
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

# The first one in which Q and DQ take FP16 scales.
HALF_OPSET = 19


def prepare_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: what `lowered` makes of the Model in folder `model`, below `models`; returns its digest and the seconds it took."""
    return _prepare(model, models, half=False)


def prepare_half_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: as `prepare_job`, but what is not INT8 computes in FP16; inputs and outputs stay FP32."""
    return _prepare(model, models, half=True)


def _prepare(model: str, models: str, *, half: bool) -> dict[str, Any]:
    start = time.perf_counter()
    made = lowered(Model.open(Path(model)), Path(models), half=half)
    return {"digest": made.digest, "seconds": time.perf_counter() - start}


def lowered(source: Model, models: Path, *, half: bool) -> Model:
    """The ONNX Model, made below `models`, that TensorRT's strongly typed networks take of a float or a quantized Model.

    With `half`, what is not INT8 computes in FP16; inputs and outputs are FP32 in any case. Raises UnsupportedError for what cannot
    be lowered. Call it in a worker only: paddle2onnx ends the process on operators that it does not know.
    """
    opset = HALF_OPSET if half else OPSET
    found: dict[str, Any] = {}
    if source.manifest.precision == "fp32":
        network, name = export_float(source, opset=opset), "float"
    else:
        network, found = _placed(source, HALF_DIALECT if half else DIALECT, opset)
        name = DIALECT.backend
    if half:
        network, name = to_half(network), f"{name}+fp16"
    return land(network, source, models, dialect=name, facts=found)


def _placed(source: Model, dialect: Dialect, opset: int) -> tuple["onnx.ModelProto", dict[str, Any]]:
    """A quantized Model's network with the dialect's pairs, and what its manifest is to say of them."""
    if source.manifest.method != "published":
        placement = lower(source, dialect=dialect, opset=opset)
        return placement.model, facts(placement)
    # TensorRT refuses the int32 biases, zero points and pairs on outputs that other tools place.
    published = take_apart(source, opset=opset)
    placement = place(published.network, published.scales, dialect=dialect)
    return placement.model, facts(placement) | {"made_symmetric": published.asymmetric}


@handles("Conv", "Gemm", "MatMul", "ConvTranspose")
def matrix_products_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """Input and weight int8, the bias in float; other readers of the input still read float."""
    if reason := _why_float(plan, node):
        plan.keep_in_float(node, reason)
        return
    plan.pair_for(node.input[0], node)
    plan.int8_weights.add(node.output[0])


@handles("Add")
def residual_sums_read_int8_on_the_skip(plan: Plan, node: "onnx.NodeProto") -> None:
    """A quantized convolution adds the skip itself, when that is int8 and nothing rounds what it adds it to.

    Of two convolutions the deeper one does so. Where nothing behind the sum reads INT8, the skip stays float.
    """
    inputs = plan.graph.activations(node)
    if len(inputs) != 2 or not plan.leads_to_int8(node.output[0]):
        return
    adding = [name for name in inputs if _adds_itself(plan, name)]
    if adding:
        main = max(adding, key=plan.graph.depth)
        skip = inputs[1 - inputs.index(main)]
        if plan.ranges.known([skip]):
            plan.pair_for(skip, node)


@handles("AveragePool", "GlobalAveragePool")
def averages_read_int8(plan: Plan, node: "onnx.NodeProto") -> None:
    """When something behind reads INT8; MaxPool needs no pair, since the one behind it is moved in front."""
    if plan.leads_to_int8(node.output[0]) and plan.ranges.known(node.input[:1]):
        plan.pair_for(node.input[0], node)


def _why_float(plan: Plan, node: "onnx.NodeProto") -> str:
    if node.op_type == "ConvTranspose" and attribute(node, "group", 1) != 1:
        return "TensorRT takes no scales per channel of a transposed convolution in groups"
    return plan.why_float(node)


def _adds_itself(plan: Plan, tensor: str) -> bool:
    maker = plan.graph.maker(tensor)
    return (
        maker is not None
        and maker.op_type in ("Conv", "ConvTranspose")
        and plan.graph.only_reader(tensor) is not None
        and not _why_float(plan, maker)
    )


RULES = (
    matrix_products_read_int8,
    residual_sums_read_int8_on_the_skip,
    averages_read_int8,
)
DIALECT = Dialect(
    backend="tensorrt",
    rules=RULES,
    # The runtime fuses these, or moves pairs across them.
    better_in_float=MOVEMENT
    | {"Relu", "Clip", "LeakyRelu", "HardSwish", "HardSigmoid", "Mul", "Sigmoid", "Softmax", "Shape", "Cast"},
    int32_bias=False,
    quantizer=symmetric,
    # Channels without weight have scales of 1e-17 and the like; the parser wants them all above 0.
    smallest_scale=1e-8,
)
# In FP16, 1e-8 is 0.
HALF_DIALECT = replace(DIALECT, scale_type=np.float16, smallest_scale=1e-5)
