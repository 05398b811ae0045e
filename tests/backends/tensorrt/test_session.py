"""Sessions of TensorRT from end to end on a fake GPU: what NVIDIA's runtime and card do is played, all that is ours is real."""

from importlib.util import find_spec

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from workbench.launch import run_job
from workbench.models.model import Format, Manifest, Model, TensorSpec

pytestmark = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
WIDE = {"shapes": {"image": [[1, 4, 8, 8], [2, 4, 8, 8], [4, 4, 8, 8]]}}
OTHER_GPU = "8.9"
NO_MEMORY = {"free": 1000}
FAULT = "Error Code 1: Cuda Runtime (an illegal memory access was encountered)"
CASES = {
    "plain": {"batches": [1, 1, 1]},
    "kept": {},
    "wide": {"settings": {"options": WIDE}, "batches": [2, 1, 4, 2]},
    "pinned": {"settings": {"pinned": True, "options": WIDE}, "batches": [1, 2, 1]},
    "graph": {"settings": {"options": WIDE | {"cuda_graph": True}}, "batches": [1, 1, 4, 4, 1]},
    "another version": {"gpu": {"tensorrt": "10.14.1"}, "settings": {"options": {"optimization_level": 3}}},
    "another GPU": {"gpu": {"compute_cap": OTHER_GPU}},
    "back again": {},
    "outside": {"settings": {"options": WIDE}, "batches": [2, 5]},
    "does not start": {"gpu": {"starts": False}},
    "shape refused": {"gpu": {"refuses_shapes": True}},
    "no memory to build": {"gpu": NO_MEMORY | {"build_bytes": 2000}, "settings": {"options": {"workspace_mb": 2}}},
    "no memory to load": {"gpu": NO_MEMORY | {"plan_bytes": 2000}},
    "no memory to work in": {"gpu": NO_MEMORY | {"context_bytes": 3_000_000}},
    "no memory for a tensor": {"gpu": NO_MEMORY},
    "no pinned memory": {"gpu": {"pinned": 1000}, "settings": {"pinned": True}},
    "broken": {"late": {"breaks": FAULT}},
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory, fake_gpu):
    """What became of each case, and what the worker logged."""
    folder = tmp_path_factory.mktemp("sessions")
    weights = np.random.default_rng(0).normal(0, 1, (4, 4, 3, 3)).astype(np.float32)
    shape = ["n", 4, 8, 8]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, kernel_shape=[3, 3]),
            helper.make_node("Relu", ["c"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    entries = [TensorSpec(name=name, dtype="float32", shape=(-1, 4, 8, 8)) for name in ("image", "scores")]
    with Model.build(folder) as draft:
        network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(network, str(draft.folder / "model.onnx"))
        draft.manifest = Manifest(name="net", format=Format.ONNX, inputs=entries[:1], outputs=entries[1:])
    with pytest.MonkeyPatch.context() as patch:
        fake_gpu(patch)
        outcome = run_job(
            "fake_gpu_jobs:tensorrt_many",
            {"model": str(draft.model.folder), "cases": CASES},
            log=folder / "log",
            timeout_s=120,
        )
    assert outcome.status == "ok", outcome.reason
    return outcome.value | {"log": (folder / "log").read_text()}


@pytest.mark.parametrize("case", ["plain", "wide", "pinned", "graph"])
def test_outputs_are_those_of_the_network_when_shapes_and_values_change(found, case):
    assert found[case]["error"] == "", found[case]["reason"]
    assert found[case]["value"]["equal"] == [True] * len(CASES[case]["batches"])


@pytest.mark.parametrize("case", ["plain", "pinned", "graph", "outside", "no memory for a tensor"])
def test_nothing_stays_allocated_when_a_session_is_closed(found, case):
    assert found[case]["held"] == 0


def test_parts_and_layers_are_timed_when_there_was_a_run(found):
    value = found["plain"]["value"]
    assert list(value["parts"]) == ["host_to_device", "inference", "device_to_host"]
    assert all(ms > 0 for ms in value["parts"].values())
    assert value["describe"]["engine"] == "TensorRT 10.13.3.9"
    assert value["describe"]["int8_share"] == 0
    assert value["describe"]["plan"]["profile"] == {"image": [[1, 4, 8, 8]] * 3}


@pytest.mark.parametrize(
    ("case", "built_now"), [("plain", True), ("kept", False), ("another version", True), ("another GPU", True), ("back again", True)]
)  # fmt: skip
def test_plan_is_built_when_none_is_kept_or_the_kept_one_is_of_another_gpu_or_version(found, case, built_now):
    assert found[case]["error"] == "", found[case]["reason"]
    assert all(found[case]["value"]["equal"])
    assert found[case]["value"]["describe"]["plan"]["built_now"] is built_now


def test_log_tells_why_a_kept_plan_was_built_again(found):
    assert f"expecting compute {OTHER_GPU} got compute 8.6, please rebuild." in found["log"]


@pytest.mark.parametrize(
    ("case", "error", "said"),
    [
        ("outside", "UnsupportedError", "input 'image': shape [5, 4, 8, 8] is outside the plan's profile, [1, 4, 8, 8] to [4, 4, 8, 8]; widen"),
        ("shape refused", "UnsupportedError", "TensorRT refuses shape [1, 4, 8, 8] of input 'x': IExecutionContext::setInputShape: Error"),
        ("does not start", "DeviceError", "TensorRT does not start on this machine: CUDA initialization failure with error: 35"),
        ("no memory to build", "DeviceError", "out of GPU memory while the plan was built ([defaultAllocator.cpp::allocate::31] Error Code 1"),
        ("no memory to load", "DeviceError", "out of GPU memory while the plan was loaded ([defaultAllocator.cpp::allocate::31] Error"),
        ("no memory to work in", "DeviceError", "TensorRT cannot have the 3 MB that the plan works in ([defaultAllocator.cpp"),
        ("no memory for a tensor", "DeviceError", "out of GPU memory: 0.0 MB more asked for, 0.0 of 16.0 GB free; lower the batch"),
        ("no pinned memory", "DeviceError", "out of pinned host memory: 0.0 MB more asked for; deploy with pinned: false"),
        ("broken", "DeviceError", f"TensorRT does not run the plan: {FAULT}"),
    ],
)  # fmt: skip
def test_fault_is_one_line_that_names_it_when_the_gpu_or_the_plan_refuses(found, case, error, said):
    assert found[case]["error"] == error
    assert found[case]["reason"].startswith(said)
    assert "\n" not in found[case]["reason"]
