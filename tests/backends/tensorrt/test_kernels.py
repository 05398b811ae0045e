"""Kernels as they are read of TensorRT-RTX's log."""

import json
from dataclasses import asdict

from workbench.backends.tensorrt.kernels import Tensor, read_kernel, read_kernels

LOG = """\
Name: start, LayerType: signal, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0, EventId: 6
Name: quantized.0_myl0_1, LayerType: correlation, Inputs: [ { Name: a, Dimensions: [-1,4,8], Strides: [32,8,1], Datatype: Int8, Format: x }], \
Constants: [ { Name: w, Dimensions: [4,4], Datatype: Int8, Format: x }, { Name: s, Dimensions: [1], Datatype: Float }], \
Outputs: [ { Name: b, Dimensions: [-1,16], Datatype: Float }], TacticName: t, Metadata: [ONNX Layer: quantized.0][ONNX Layer: x.Dequantize]
Name: rest, LayerType: kgen, Inputs: [ { Name: b, Dimensions: [-1,16], Datatype: Int8 }], \
Constants: [ { Name: c, Dimensions: [1], Datatype: Int8, Format: x }], Outputs: [ { Name: d, Dimensions: [-1,16], Datatype: Int8 }], \
TacticName: t, Metadata: [ONNX Layer: Relu.0][ONNX Layer: quantized.1]
Name: quantized.1_myl0_3, LayerType: gemm, Inputs: [ { Name: d, Dimensions: [-1,16], Datatype: Half }], \
Constants: [ { Name: w, Dimensions: [8,16], Datatype: Half }], Outputs: [ { Name: e, Dimensions: [-1,8], Datatype: Float }], TacticName: t, \
Metadata: [ONNX Layer: quantized.1]
Name: not a layer
"""


def test_kernel_multiplies_int8_only_when_a_library_reads_it_twice():
    found = read_kernels(LOG)
    assert [(kernel.name, kernel.kind) for kernel in found] == [
        ("quantized.0_myl0_1", "correlation"), ("rest", "kgen"), ("quantized.1_myl0_3", "gemm"),
    ]  # fmt: skip
    assert [kernel.multiplies_int8 for kernel in found] == [True, False, False]
    assert found[1].nodes == ("Relu.0", "quantized.1")


def test_kernels_traffic_is_that_of_its_activations_when_read_from_a_log():
    first, _, last = read_kernels(LOG)
    assert first.reads == (Tensor((1, 4, 8), "Int8"),)
    assert [tensor.kind for tensor in first.constants] == ["Int8", "Float"]
    assert first.traffic == 32 + 4 * 16  # int8 in, float32 out
    assert last.traffic == 2 * 16 + 4 * 8


def test_kernel_is_the_same_when_a_worker_sent_it():
    for kernel in read_kernels(LOG):
        assert read_kernel(json.loads(json.dumps(asdict(kernel)))) == kernel
