"""The Q/DQ dialect that ONNX Runtime's CPU kernels run in INT8, as a list of rules over what paddle2onnx writes.

Each rule was measured on ONNX Runtime 1.31, x86-64: a pair between a convolution and its activation keeps both in separate
kernels, signed activations have no INT8 kernel at all, and a float bias keeps matrix products in float.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.lowering.onnx_export import export, exported_manifest
from workbench.lowering.qdq_graph import QdqGraph
from workbench.models.model import Model
from workbench.worker import Channel

Rule = Callable[[QdqGraph], None]
INT32 = np.iinfo(np.int32)


def prepare_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: export the Paddle Model in folder `model`, in ONNX Runtime's dialect when it is quantized.

    Returns the new Model's digest and the seconds it took.
    """
    import onnx

    source = Model.open(Path(model))
    start = time.perf_counter()
    with Model.build(Path(models)) as draft:
        target = draft.folder / "model.onnx"
        export(source, target)
        if source.manifest.precision == "int8":
            onnx.save(lower(onnx.load(str(target))), str(target))
        draft.manifest = exported_manifest(source, dialect="onnxruntime")
    assert draft.model is not None
    return {"digest": draft.model.digest, "seconds": time.perf_counter() - start}


def lower(model: Any) -> Any:
    """Rewrite a quantized `onnx.ModelProto` by all rules, in order; the result passes the ONNX checker."""
    import onnx

    graph = QdqGraph(model)
    for rule in RULES:
        rule(graph)
    lowered = graph.to_model()
    onnx.checker.check_model(lowered)
    return lowered


def store_weights_as_int8(graph: QdqGraph) -> None:
    """Quantize stored float weights now instead of at every load: the file shrinks to a quarter."""
    for node in graph.nodes:
        if node.op_type == "QuantizeLinear" and node.input[0] in graph.constants:
            scale, zero_point = graph.constants[node.input[1]], graph.constants[node.input[2]]
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
            weight = graph.constants[node.input[0]]
            limits = np.iinfo(zero_point.dtype)
            quantized = np.rint(weight / _along(scale, axis, weight.ndim)) + _along(zero_point, axis, weight.ndim)
            stored = quantized.clip(limits.min, limits.max).astype(zero_point.dtype)
            graph.rename_input(node.output[0], graph.add_constant(f"{node.input[0]}.int8", stored))


def leave_no_pair_before_relu(graph: QdqGraph) -> None:
    """Let Relu and Clip read the convolution itself: the runtime then fuses both into one INT8 kernel."""
    consumers = graph.consumers()
    for pair in graph.activation_pairs():
        readers = consumers[pair.output]
        if readers and all(reader.op_type in ("Relu", "Clip") for reader in readers):
            graph.rename_input(pair.output, pair.source)


def use_the_whole_unsigned_range_after_relu(graph: QdqGraph) -> None:
    """Values that are never negative get uint8 with the scale T/255 instead of int8 with T/127: one bit more."""
    producers = graph.producers()
    for pair in graph.activation_pairs():
        producer = producers.get(pair.source)
        if producer is not None and _never_negative(graph, producer) and _is_symmetric_int8(graph, pair.quantize):
            top = float(graph.constants[pair.quantize.input[1]]) * 127
            graph.set_parameters(pair, scale=top / 255, zero_point=0, dtype=np.uint8)


def make_other_activations_unsigned(graph: QdqGraph) -> None:
    """int8 around 0 becomes uint8 around 128 with the same scale: the same numbers, in the type that has kernels."""
    for pair in graph.activation_pairs():
        if _is_symmetric_int8(graph, pair.quantize):
            scale = float(graph.constants[pair.quantize.input[1]])
            graph.set_parameters(pair, scale=scale, zero_point=128, dtype=np.uint8)


def quantize_biases_to_match(graph: QdqGraph) -> None:
    """A bias is int32 with the scale (input scale x weight scale), so it follows every change of the input's scale."""
    producers = graph.producers()
    for node in graph.nodes:
        sources = [source for name in node.input if (source := producers.get(name)) is not None]
        if node.op_type != "Conv" or [source.op_type for source in sources] != ["DequantizeLinear"] * 3:
            continue
        activation, weight, bias = sources
        values = graph.constants[bias.input[0]] * graph.constants[bias.input[1]].astype(np.float64)
        scale = (graph.constants[activation.input[1]] * graph.constants[weight.input[1]]).astype(np.float32)
        stored = np.rint(values / scale).clip(INT32.min, INT32.max).astype(np.int32)
        bias.input[0] = graph.add_constant(f"{bias.input[0]}.matched", stored)
        bias.input[1] = graph.add_constant(f"{bias.input[0]}.scale", scale)


RULES: tuple[Rule, ...] = (
    store_weights_as_int8,
    leave_no_pair_before_relu,
    use_the_whole_unsigned_range_after_relu,
    make_other_activations_unsigned,
    quantize_biases_to_match,
)


def _along(values: NDArray[Any], axis: int, dimensions: int) -> NDArray[Any]:
    """Per-channel values in the shape that broadcasts along `axis`; per-tensor ones as they are."""
    if values.ndim == 0:
        return values
    shape = [1] * dimensions
    shape[axis] = -1
    return values.reshape(shape)


def _never_negative(graph: QdqGraph, producer: Any) -> bool:
    if producer.op_type != "Clip":
        return bool(producer.op_type == "Relu")
    lowest = graph.constants.get(producer.input[1]) if len(producer.input) > 1 else None
    return lowest is not None and bool((lowest >= 0).all())


def _is_symmetric_int8(graph: QdqGraph, quantize: Any) -> bool:
    zero_point = graph.constants[quantize.input[2]]
    return zero_point.dtype == np.int8 and zero_point.ndim == 0 and int(zero_point) == 0
