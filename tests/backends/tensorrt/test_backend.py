"""TensorRT as a backend: what it prepares, and what it says where it cannot run."""

from dataclasses import replace

import pytest

from workbench.backends.base import Settings
from workbench.backends.gpu import availability
from workbench.backends.registry import BACKENDS
from workbench.errors import UnavailableError, UnsupportedError
from workbench.machine import this_machine
from workbench.models.model import Format, Manifest, Model, TensorSpec
from workbench.records import Device, Precision

TENSORRT = BACKENDS["tensorrt"]
IMAGE = TensorSpec(name="image", dtype="float32", shape=(-1, 3, 8, 8))


@pytest.fixture
def lowered(tmp_path):
    """An ONNX Model, of which nothing but its manifest is read here."""
    with Model.build(tmp_path) as draft:
        (draft.folder / "model.onnx").touch()
        draft.manifest = Manifest(name="net", format=Format.ONNX, inputs=(IMAGE,), outputs=(IMAGE,))
    return draft.model


@pytest.mark.parametrize(
    ("precision", "function"),
    [("fp32", "prepare_job"), ("fp16", "prepare_half_job"), ("int8", "prepare_job"), ("int8+fp16", "prepare_half_job")],
)
def test_model_is_lowered_with_fp16_when_the_precision_names_it(imported, precision, function):
    settings = Settings(device=Device.GPU, precision=precision)
    assert TENSORRT.prepare_function(imported["tiny"], settings) == f"workbench.lowering.tensorrt:{function}"


def test_model_is_taken_as_it_is_when_it_is_onnx_already(lowered):
    assert TENSORRT.prepare_function(lowered, Settings(device=Device.GPU)) == ""


def test_open_is_unavailable_in_one_line_when_there_is_no_gpu(lowered, monkeypatch):
    monkeypatch.setattr(availability, "this_machine", lambda: replace(this_machine(), gpus=()))
    with pytest.raises(UnavailableError) as caught:
        TENSORRT.open(lowered, Settings(device=Device.GPU))
    assert str(caught.value).startswith(
        "no NVIDIA GPU with a working driver on this machine; on a machine with one: pip install"
    )
    assert "\n" not in str(caught.value)


def test_open_is_unsupported_before_anything_is_loaded_when_the_profile_lacks_the_batch(lowered):
    options = {"shapes": {"image": [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]}}
    with pytest.raises(UnsupportedError, match="batch 8 is not from 1 to 4"):
        TENSORRT.open(lowered, Settings(device=Device.GPU, batch=8, options=options))


def test_pinned_memory_is_tensorrts_alone_when_a_recipe_asks_for_it():
    assert [name for name, backend in BACKENDS.items() if backend.pins_memory] == ["tensorrt"]


def test_every_precision_of_the_fields_table_is_there_when_the_device_is_a_gpu():
    wanted = (Precision.FP32, Precision.FP16, Precision.INT8, Precision.INT8_FP16)
    assert [TENSORRT.supports(precision, Device.GPU) for precision in wanted] == [""] * 4
