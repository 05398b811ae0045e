"""Paddle and Paddle-TensorRT on GPU, as far as they run without one."""

import pytest

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import UnsupportedError
from workbench.records import Device, Precision

PADDLE_TENSORRT = BACKENDS["paddle_tensorrt"]


@pytest.fixture(scope="module")
def found(imported, run_native, tmp_path_factory):
    outcome = run_native("gpu_jobs:paddle", model=imported["tiny"].folder, folder=tmp_path_factory.mktemp("shapes"))
    assert outcome.status == "ok", outcome.reason
    return outcome.value


def test_shapes_of_all_tensors_are_kept_when_a_model_is_run_on_its_profile(found):
    tensors = found["shapes"].count("name:")
    assert tensors > len(found["inputs"]) == 1
    assert f'name: "{found["inputs"][0]}"' in found["shapes"]


def test_operators_are_counted_when_a_program_is_read(found):
    assert found["operators"]["conv2d"] >= 1
    assert not {"feed", "fetch"} & set(found["operators"])


def test_open_is_unavailable_when_paddles_build_would_go_on_on_the_cpu(found):
    assert found["open"]["error"] == "UnavailableError"
    assert found["open"]["reason"].startswith("this build of Paddle is for CPU only; ")


def test_build_for_cpu_has_no_tensorrt_when_asked_for_its_version(found):
    assert found["versions"] == [[0, 0, 0], [0, 0, 0]]


def test_config_has_every_call_of_the_backend_when_paddle_is_the_pinned_one(found):
    assert found["methods"] == []


def test_int8_alone_is_unsupported_when_the_backend_is_paddle_tensorrt():
    said = PADDLE_TENSORRT.supports(Precision.INT8, Device.GPU)
    assert "deploy it as int8+fp16" in said
    assert PADDLE_TENSORRT.supports(Precision.INT8_FP16, Device.GPU) == ""
    assert PADDLE_TENSORRT.supports(Precision.BF16, Device.GPU) == "Paddle-TensorRT has no bf16 on gpu"


def test_open_is_unsupported_in_one_line_when_a_shape_range_does_not_fit(imported):
    settings = Settings(device=Device.GPU, options={"shapes": {"nothing": [[1], [1], [1]]}})
    with pytest.raises(UnsupportedError, match="`shapes` names input 'nothing'"):
        PADDLE_TENSORRT.open(imported["tiny"], settings)


@pytest.fixture(scope="module")
def kept(imported, run_native, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    (folder / "memory").touch()
    outcome = run_native("gpu_jobs:paddle_kept_engines", model=imported["tiny"].folder, folder=folder)
    assert outcome.status == "ok", outcome.reason
    return outcome.value


def test_engines_are_built_again_when_paddle_refuses_the_kept_ones(kept):
    assert kept["first"]["value"]["batch"] == 2, kept["first"]["reason"]
    assert kept["refused"]["error"] == "", kept["refused"]["reason"]
    assert kept["refused"]["value"] == {"batch": 1, "left": ["engines", "shapes.pbtxt"], "engines": 0}


def test_run_is_unsupported_in_one_line_when_a_shape_is_outside_the_profile(kept):
    assert kept["outside"]["error"] == "UnsupportedError"
    assert (
        "shape [3, 3, 16, 16] is outside the plan's profile, [1, 3, 16, 16] to [2, 3, 16, 16]; widen"
        in kept["outside"]["reason"]
    )


@pytest.mark.parametrize("when", ["memory for shapes", "memory"])
def test_fault_is_one_line_when_paddle_runs_out_of_memory(kept, when):
    assert kept[when]["error"] == "DeviceError"
    assert kept[when]["reason"].startswith(
        "out of GPU memory (Out of memory error on GPU 0. Cannot allocate 2.1GB memory on GPU 0"
    )
    assert "\n" not in kept[when]["reason"]
