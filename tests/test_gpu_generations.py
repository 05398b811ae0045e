"""What a GPU computes, by its compute capability."""

import pytest

from workbench.gpu_generations import GENERATIONS, capability_of, has_code_for, lacking, nearest
from workbench.records import Precision


def gpu(capability):
    return {"name": "Some GPU", "compute_cap": capability}


@pytest.mark.parametrize(
    ("capability", "found"),
    [((7, 5), (7, 5)), ((8, 8), (8, 7)), ((10, 3), (10, 0)), ((12, 1), (12, 0)), ((5, 2), None), ((13, 0), None)],
)
def test_nearest_stays_in_the_major_version_when_a_capability_is_not_listed(capability, found):
    assert nearest(capability) == found


@pytest.mark.parametrize(("said", "capability"), [("8.9", (8, 9)), ("", None), ("[N/A]", None)])
def test_capability_is_read_when_the_driver_tells_it(said, capability):
    assert capability_of({"compute_cap": said}) == capability


def test_t4_has_int8_and_fp16_and_no_bf16_when_asked():
    turing = GENERATIONS[7, 5]
    assert {Precision.INT8, Precision.FP16, Precision.INT8_FP16} <= turing.precisions
    assert "T4" in turing.cards
    assert "no BF16" in turing.meaning


@pytest.mark.parametrize("capability", ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"])
@pytest.mark.parametrize("precision", [Precision.FP32, Precision.FP16, Precision.INT8, Precision.INT8_FP16])
def test_nothing_is_lacking_when_the_gpu_is_turing_or_later(capability, precision):
    assert lacking(gpu(capability), precision) == ""


def test_int8_is_lacking_when_the_gpu_is_a_p100():
    assert lacking(gpu("6.0"), Precision.INT8) == "Some GPU (Pascal, compute capability 6.0) has no INT8 arithmetic"
    assert lacking(gpu("6.0"), Precision.FP16) == ""


def test_nothing_is_lacking_when_the_gpu_is_not_known():
    assert lacking({"name": "Some GPU"}, Precision.INT8) == ""


@pytest.mark.parametrize(
    ("capability", "runs"),
    [((8, 6), True), ((8, 9), True), ((8, 0), True), ((7, 5), True), ((7, 0), False), ((9, 0), False)],
)
def test_code_runs_when_it_is_for_the_same_major_version_and_no_newer(capability, runs):
    assert has_code_for(capability, [(7, 5), (8, 0), (8, 6)]) is runs
