"""What a plan executes, from the JSON of TensorRT's engine inspector (plans built with detailed profiling verbosity)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from workbench.backends.int8_proof import INT8, Operator

PRODUCTS = {"Convolution", "Deconvolution", "MatrixMultiply", "FullyConnected"}
PRODUCT_WORDS = re.compile(r"conv|correlation|gemm|matrixmultiply|matmul|attention|mha", re.IGNORECASE)
# Copies, and kernels generated around products: activations, sums, rounding.
NO_PRODUCTS = {"Reformat", "NoOp", "Constant", "kgen", "PointWise", "PointWiseV2", "Signal", "Wait"}
DATATYPE = re.compile(r"\b(Int8|FP8|FP16|Half|BF16|BFloat16|FP32|Float|Int32|Int64|Bool)\b", re.IGNORECASE)
NAMES = {"half": "fp16", "bfloat16": "bf16", "float": "fp32"}


def executed(information: str, times_ms: Mapping[str, float] | None = None) -> list[Operator]:
    """The layers of a plan; `times_ms` is the time of each by name in one run.

    TensorRT 10 says an input's type and layout in one string ("Format/Datatype"), TensorRT 11 apart ("Datatype"). Layers of
    which only names were kept are left out.
    """
    layers = [layer for layer in json.loads(information).get("Layers", ()) if isinstance(layer, dict)]
    return [_operator(layer, (times_ms or {}).get(layer.get("Name", ""), 0.0)) for layer in layers]


def _operator(layer: Mapping[str, Any], ms: float) -> Operator:
    kind = str(layer.get("LayerType", ""))
    inputs = [_datatype(entry) for entry in layer.get("Inputs", ())]
    weights = _weights(layer)
    computes_in = inputs[0] if inputs else ""
    if computes_in == INT8 and weights not in (INT8, ""):
        computes_in = weights
    return Operator(
        kind=kind, name=str(layer.get("Name", "")), computes_in=computes_in, matrix=_is_product(layer, kind), ms=ms
    )


def _is_product(layer: Mapping[str, Any], kind: str) -> bool:
    if kind in NO_PRODUCTS:
        return False
    return layer.get("ParameterType") in PRODUCTS or bool(PRODUCT_WORDS.search(kind))


def _weights(layer: Mapping[str, Any]) -> str:
    """Type of the weights: a field of their own for most kernels, the first constant for those of TensorRT's fusing compiler."""
    weights = layer.get("Weights")
    if isinstance(weights, dict):
        return _word(str(weights.get("Type", "")))
    constants = layer.get("Constants") or ()
    return _datatype(constants[0]) if constants and isinstance(constants[0], dict) else ""


def _datatype(entry: Mapping[str, Any]) -> str:
    return _word(str(entry.get("Datatype") or entry.get("Format/Datatype") or ""))


def _word(text: str) -> str:
    found = DATATYPE.findall(text)
    return NAMES.get(found[-1].lower(), found[-1].lower()) if found else ""
