"""The contract of backends and sessions: what the base class checks for all of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench.backends.base import (
    Availability,
    Backend,
    Session,
    Settings,
    missing,
    stack,
    unstack,
)
from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, UnsupportedError
from workbench.machine import package_version, this_machine
from workbench.models.model import Format, Manifest, Model, TensorSpec
from workbench.records import Device, Precision

IMAGE = TensorSpec(name="image", dtype="float32", shape=(-1, 3))
SIZE = TensorSpec(name="size", dtype="int64", shape=(-1, 2))
SUM = TensorSpec(name="sum", dtype="float32", shape=(-1, 3))


class AddingSession(Session):
    """Adds the first size to the image."""

    closed = False

    def describe(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.closed = True

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        image, size = values
        return [image + size[:, :1].astype(np.float32)]


class Adding(Backend):
    """A backend that every machine has."""

    name = "adding"
    title = "Adding"
    takes = Format.ONNX
    precisions = {Device.CPU: frozenset({Precision.FP32, Precision.BF16})}  # noqa: RUF012
    packages = ("no-such-package", "numpy")

    def _availability(self, device: Device) -> Availability:
        return Availability()

    def _open(self, model: Model, settings: Settings) -> Session:
        return AddingSession(model, settings)


def make_model(folder: Path, *, format: Format = Format.ONNX, batch: int = -1, precision: str = "fp32") -> Model:
    image = IMAGE.model_copy(update={"shape": (batch, 3)})
    with Model.build(folder) as draft:
        (draft.folder / "model.onnx").write_bytes(b"x")
        specs = {"inputs": (image, SIZE), "outputs": (SUM,)}
        draft.manifest = Manifest(name="net", format=format, precision=precision, **specs)
    assert draft.model is not None
    return draft.model


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Adding().open(make_model(tmp_path), Settings())


def inputs(batch: int = 2, **changes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {"size": np.ones((batch, 2), np.int64), "image": np.zeros((batch, 3), np.float32)} | changes


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_run_gives_outputs_by_name_when_inputs_are_right(session, batch):
    outputs = session.run(inputs(batch))
    assert list(outputs) == ["sum"]
    assert np.array_equal(outputs["sum"], np.ones((batch, 3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": np.zeros((2, 3))}, "input 'image': dtype float64 given, the model takes float32; cast it"),
        ({"size": np.ones((2, 2), np.int32)}, "input 'size': dtype int32 given, the model takes int64"),
        ({"image": np.zeros((2, 4), np.float32)}, r"input 'image': shape \[2, 4\] given, the model takes \[-1, 3\]"),
        ({"image": np.zeros(3, np.float32)}, r"input 'image': shape \[3\] given, the model takes \[-1, 3\]"),
        ({"image": np.zeros((2, 3, 1), np.float32)}, r"shape \[2, 3, 1\] given"),
        ({"picture": np.zeros(1)}, "input 'picture': the model has none of this name; it has: image float32 Nx3, size"),
    ],
    ids=["double", "int32", "width", "no batch", "too deep", "unknown"],
)
def test_run_names_input_and_fix_when_an_input_is_wrong(session, changes, message):
    with pytest.raises(InputError, match=message):
        session.run(inputs(**changes))


def test_run_names_the_input_when_it_is_missing(session):
    with pytest.raises(InputError, match="input 'size' is missing; the model needs: image float32 Nx3, size int64 Nx2"):
        session.run({"image": np.zeros((2, 3), np.float32)})


def test_session_closes_when_its_block_is_left(session):
    with session as opened:
        assert opened is session
        assert not session.closed
    assert session.closed


def test_session_closes_when_its_block_raises(session):
    with pytest.raises(ZeroDivisionError), session:
        _ = 1 / 0
    assert session.closed


def test_open_refuses_when_the_model_has_another_format(tmp_path):
    with pytest.raises(UnsupportedError, match="Adding takes onnx models, and net is paddle: prepare it first"):
        Adding().open(make_model(tmp_path, format=Format.PADDLE), Settings())


def test_open_refuses_when_the_model_is_fixed_at_another_batch(tmp_path):
    model = make_model(tmp_path, batch=1)
    assert Adding().open(model, Settings(batch=1))
    with pytest.raises(UnsupportedError, match="batch 4: input 'image' of net is fixed at batch 1"):
        Adding().open(model, Settings(batch=4))


@pytest.mark.parametrize(
    ("made", "wanted", "ok"),
    [
        ("fp32", "fp32", True),
        ("fp32", "bf16", True),
        ("int8", "int8", True),
        ("fp32", "int8", False),
        ("int8", "bf16", False),
    ],
)
def test_open_refuses_when_the_model_is_of_another_precision(tmp_path, made, wanted, ok):
    model = make_model(tmp_path, precision=made)
    settings = Settings(precision=Precision(wanted))
    if ok:
        assert Adding().open(model, settings)
    else:
        with pytest.raises(UnsupportedError, match=f"net is a {made} model; it cannot run as {wanted}"):
            Adding().open(model, settings)


def test_prepare_function_is_none_when_the_format_is_right(tmp_path):
    assert Adding().prepare_function(make_model(tmp_path), Settings()) == ""
    with pytest.raises(UnsupportedError, match="Adding takes onnx models, and net is engine"):
        Adding().prepare_function(make_model(tmp_path, format=Format.ENGINE), Settings())


def test_availability_tells_the_devices_when_another_is_asked_for():
    assert Adding().availability(Device.CPU).ready
    found = Adding().availability(Device.GPU)
    assert not found.ready
    assert str(found) == "Adding does not run on gpu here; use it on: cpu"


def test_supports_tells_why_when_the_backend_has_no_such_precision():
    assert Adding().supports(Precision.FP32, Device.CPU) == ""
    assert Adding().supports(Precision.INT8, Device.CPU) == "Adding has no int8 on cpu"
    assert Adding().supports(Precision.FP32, Device.GPU) == "Adding has no fp32 on gpu"


def test_lacks_tells_what_is_missing_when_the_cpu_has_no_bf16():
    lacks = Adding().lacks
    old, new = (replace(this_machine(), isa=isa, gpus=()) for isa in (("avx2", "avx512f"), ("amx_bf16",)))
    assert "avx512_bf16" in lacks(Precision.BF16, Device.CPU, old)
    assert lacks(Precision.BF16, Device.CPU, new) == ""
    assert lacks(Precision.BF16, Device.GPU, old) == ""
    assert lacks(Precision.INT8, Device.CPU, old) == ""


def test_lacks_asks_the_gpu_when_the_device_is_one():
    machine = replace(this_machine(), gpus=({"name": "P100", "compute_cap": "6.0"},))
    assert "no INT8" in Adding().lacks(Precision.INT8, Device.GPU, machine)
    assert Adding().lacks(Precision.INT8, Device.CPU, machine) == ""


def test_version_is_of_the_package_that_is_there_when_there_are_several():
    assert Adding().version() == f"numpy {package_version('numpy')}"
    assert type("Other", (Adding,), {"packages": ("no-such-package",)})().version() == ""


def test_availability_reads_well_when_shown():
    assert str(Availability()) == "ready"
    found = missing("openvino", "pip install openvino")
    assert not found.ready
    assert str(found) == "package openvino is not installed; install it with: pip install openvino"


@given(st.integers(1, 6))
def test_unstack_undoes_stack_when_samples_are_joined(size):
    samples = [{"a": np.full((1, 2), n), "b": np.full((1, 3, 1), -n)} for n in range(size)]
    batch = stack(samples)
    assert (batch["a"].shape, batch["b"].shape) == ((size, 2), (size, 3, 1))
    for sample, again in zip(samples, unstack(batch, samples), strict=True):
        assert all(np.array_equal(sample[name], again[name]) for name in ("a", "b"))


def test_registry_covers_the_result_table_when_complete():
    wanted = {"paddle_inference", "onnxruntime", "openvino", "tensorrt", "paddle_tensorrt", "paddle_lite"}
    assert set(BACKENDS) >= wanted


def test_unstack_refuses_when_outputs_are_not_the_samples():
    samples = [{"x": np.zeros((1, 3), np.float32)}] * 2
    with pytest.raises(
        UnsupportedError, match=r"^batch 2: output 'rows' is \[7, 6\], which cannot be split into 2 samples"
    ):
        unstack({"rows": np.zeros((7, 6))}, samples)


def test_unstack_gives_each_sample_its_windows_when_they_differ_in_number():
    samples = [{"x": np.full((windows, 2), windows)} for windows in (3, 1, 2)]
    outputs = {"y": stack(samples)["x"] * 10, "z": np.arange(6)}
    found = unstack(outputs, samples)
    assert [part["y"][:, 0].tolist() for part in found] == [[30, 30, 30], [10], [20, 20]]
    assert [part["z"].tolist() for part in found] == [[0, 1, 2], [3], [4, 5]]
