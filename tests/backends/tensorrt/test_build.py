"""Building plans: every call is made for real, on TensorRT-RTX, whose builder has TensorRT's interface and needs no GPU."""

from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.backends.tensorrt.build import no_plan
from workbench.backends.tensorrt.messages import complaint
from workbench.errors import DeviceError, UnsupportedError

BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
PROFILE = {0: ([1, 4, 8, 8], [1, 4, 8, 8], [8, 4, 8, 8])}


def network(folder, *, batch="n", kind="Relu"):
    random = np.random.default_rng(0)
    weights = numpy_helper.from_array(random.normal(0, 1, (4, 4, 3, 3)).astype(np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4, kernel_shape=[3, 3]),
            helper.make_node(kind, ["c"], ["y"], name="last"),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 4, 8, 8])],
        [weights],
    )
    path = folder / f"{kind}-{batch}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return str(path)


@pytest.fixture(scope="module")
def built(tmp_path_factory, run_native):
    """What became of each case."""
    folder = tmp_path_factory.mktemp("networks")
    free, fixed = network(folder), network(folder, batch=2)
    cases = {
        "first": {"network": free, "profile": PROFILE},
        "again": {"network": free, "profile": PROFILE, "timing_cache": "first"},
        "foreign timings": {"network": free, "profile": PROFILE, "timing_cache": "of something else"},
        "fixed": {"network": fixed, "profile": {}},
        "unknown operator": {"network": network(folder, kind="NoSuchOperator"), "profile": PROFILE},
        "wrong profile": {"network": free, "profile": {0: ([1, 5, 8, 8],) * 3}},
    }
    found = run_native("tensorrt_jobs:build_many", cases=cases)
    assert found.status == "ok", found.reason
    return found.value


@BUILDER
@pytest.mark.parametrize("case", ["first", "again", "foreign timings", "fixed"])
def test_plan_is_made_when_the_network_is_taken(built, case):
    found = built[case]
    assert found["error"] == "", found["reason"]
    assert (found["value"]["inputs"], found["value"]["outputs"]) == (["x"], ["y"])
    assert found["value"]["size"] > 1000


@BUILDER
def test_network_is_unsupported_in_one_line_when_the_parser_does_not_know_an_operator(built):
    found = built["unknown operator"]
    assert found["error"] == "UnsupportedError"
    assert found["reason"].startswith("TensorRT's parser refuses the network: NoSuchOperator last: ")
    assert "\n" not in found["reason"]


@BUILDER
def test_profile_is_unsupported_in_one_line_when_it_contradicts_the_network(built):
    found = built["wrong profile"]
    assert found["error"] == "UnsupportedError"
    assert "\n" not in found["reason"]


@BUILDER
def test_plan_is_refused_with_a_complaint_when_it_is_none(run_native):
    found = run_native("tensorrt_jobs:load", plan="no plan " * 100)
    assert found.status == "ok", found.reason
    assert not found.value["loaded"]
    assert "\n" not in found.value["complaint"]
    assert found.value["complaint"] != found.value["asked again"] == "it gives no reason"


def test_complaint_is_the_one_about_memory_when_there_are_several():
    errors = [
        "no tactic",
        "[defaultAllocator.cpp::allocate] Error Code 1: Cuda Runtime (out of memory)",
        "build failed",
    ]
    assert complaint(errors) == errors[1]
    assert complaint(["no tactic", "build\n  failed"]) == "build failed"


def test_no_plan_is_the_gpus_fault_when_memory_ran_out():
    error = no_plan("Error Code 1: Cuda Runtime (out of memory)")
    assert isinstance(error, DeviceError)
    assert str(error).startswith(
        "out of GPU memory while the plan was built (Error Code 1: Cuda Runtime (out of memory)); lower the batch"
    )
    assert str(error).endswith(", or lower `workspace_mb`")


def test_no_plan_is_the_networks_fault_when_memory_is_not_mentioned():
    error = no_plan("Error Code 10: Could not find any implementation for node conv")
    assert isinstance(error, UnsupportedError)
    assert (
        str(error)
        == "TensorRT builds no plan of this network: Error Code 10: Could not find any implementation for node conv"
    )
