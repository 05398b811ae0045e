"""Layers of a plan as the engine inspector tells of them."""

import json

import pytest

from workbench.backends.int8_proof import int8_facts
from workbench.backends.tensorrt.inspector import executed


def tensor(name, said):
    return {"Name": name, "Location": "Device", "Dimensions": [1, 32, 28, 28], **said}


def old(text):
    """As TensorRT 8 to 10 tell of a tensor's type: in one string with its layout."""
    return {"Format/Datatype": text}


def new(kind):
    """As TensorRT 11 does: apart."""
    return {"Format": "Row major linear", "Datatype": kind}


def layer(name, kind, reads, *, weights=None, **rest):
    entry = {"Name": name, "LayerType": kind, "Inputs": [tensor("x", reads)], "Outputs": [], **rest}
    return entry | ({"Weights": {"Type": weights, "Count": 9}} if weights else {})


# The kinds of layers, fields and words for types that a plan of a quantized MobileNet has (NVIDIA/TensorRT, trt-engine-explorer's test data).
OLD = [
    layer("QuantizeLinear_2", "Reformat", old("Row major linear FP32"), ParameterType="Reformat", Origin="QDQ"),
    layer(
        "Conv_12 + PWN(Clip_16)", "CaskConvolution", old("Four wide channel vectorized row major Int8 format"), weights="Int8",
        ParameterType="Convolution",
    ),
    layer(
        "Conv_29", "CudaDepthwiseConvolution", old("Thirty-two wide channel vectorized row major Int8 format"), weights="Int8",
        ParameterType="Convolution",
    ),
    layer("Conv_94", "CaskConvolution", old("Channel major FP16 format"), weights="Half", ParameterType="Convolution"),
    layer("Gemm_5", "gemm", old("Row major linear FP32"), Constants=[tensor("w", old("Row major linear FP32"))]),
    layer("__myl_MulAdd", "kgen", old("Row major Int8 format")),
]  # fmt: skip
NEW = [
    layer("conv", "CaskConvolution", new("Int8"), weights="Int8", ParameterType="Convolution"),
    layer("fc", "gemm", new("Int8"), Constants=[tensor("w", new("Int8"))]),
    layer("weight only", "gemm", new("Int8"), Constants=[tensor("w", new("Half"))]),
    layer("rest", "kgen", new("Float")),
]


def told(layers, **kept):
    return json.dumps({"Layers": layers, **kept})


def test_products_are_counted_by_what_they_compute_in_when_tensorrt_10_tells():
    operators = executed(told(OLD, Bindings=["image", "scores"]))
    assert [(one.name, one.computes_in) for one in operators if one.matrix] == [
        ("Conv_12 + PWN(Clip_16)", "int8"), ("Conv_29", "int8"), ("Conv_94", "fp16"), ("Gemm_5", "fp32"),
    ]  # fmt: skip
    facts = int8_facts(operators)
    assert facts["int8_share"] == 0.5
    assert facts["float_names"] == ["Conv_94", "Gemm_5"]


def test_products_are_counted_by_what_they_compute_in_when_tensorrt_11_tells():
    operators = executed(told(NEW, **{"I/O Tensors": [{"Name": "image"}]}))
    assert [(one.name, one.computes_in) for one in operators if one.matrix] == [
        ("conv", "int8"), ("fc", "int8"), ("weight only", "fp16"),
    ]  # fmt: skip


def test_time_is_that_of_the_layer_of_the_same_name_when_it_was_profiled():
    facts = int8_facts(executed(told(NEW), {"conv": 0.5, "fc": 0.25, "rest": 0.25}), run_ms=1.0)
    assert facts["int8_time_share"] == pytest.approx(0.75)


@pytest.mark.parametrize("information", ['{"Layers": ["conv", "fc"]}', '{"Layers": []}', "{}"])
def test_nothing_is_claimed_when_the_plan_keeps_names_only(information):
    assert int8_facts(executed(information))["int8_share"] is None
