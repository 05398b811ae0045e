"""What oneDNN prints, read; how it is asked is tested with the backend (test_paddle_inference.py)."""

import pytest

from workbench.backends.onednn_trace import primitives

HEAD = "onednn_verbose,v1,primitive,exec,cpu"
CONV = f"{HEAD},convolution,brgconv_1x1:avx512_core_vnni,forward_inference,src:{{src}}:a:blocked:acdb::f0 wei:{{wei}}:a:blocked:AcdB64a4b::f0 bia:f32::blocked:a::f0 dst:u8:a:blocked:acdb::f0,attr-scales:src0:0:f32+dst:0:f32,alg:convolution_direct,mb1_ic32oc64_ih112oh112,0.25"
SOFTMAX = f"{HEAD},softmax,jit:avx512_core,forward_inference,src:f32::blocked:ab::f0 dst:f32::blocked:ab::f0,,alg:softmax_accurate axis:1,1x10,0.0039"
ELTWISE = f"{HEAD},eltwise,jit:avx512_core,forward_training,data:f32::blocked:acdb::f0,,alg:eltwise_relu alpha:0.1,1x58x52x52,0.1"
INFO = "onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:1"


@pytest.mark.parametrize(
    ("src", "wei", "type"),
    [("u8", "s8", "int8"), ("s8", "s8", "int8"), ("f32", "f32", "f32"), ("bf16", "bf16", "bf16"), ("f32", "s8", "f32")],
)
def test_primitives_tell_the_type_when_a_convolution_runs(src: str, wei: str, type: str) -> None:
    (found,) = primitives(CONV.format(src=src, wei=wei))
    assert found == ("convolution", "convolution mb1_ic32oc64_ih112oh112", type, True, 0.25)


def test_primitives_are_the_executed_ones_when_other_things_are_printed() -> None:
    printed = "\n".join([INFO, "hello", SOFTMAX, "", ELTWISE])
    assert [(found.kind, found.matrix, found.ms) for found in primitives(printed)] == [
        ("softmax", False, 0.0039),
        ("eltwise", False, 0.1),
    ]
