"""ONNX Runtime on CPU: it computes what Paddle computes, in INT8 where the graph says so."""

import shutil

import numpy as np
import pytest

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import UnsupportedError
from workbench.models.model import Format, Model

BACKEND = "onnxruntime"
TOLERANCE = 1e-4
SQNR_DB = 10.0


@pytest.fixture(scope="module")
def models(finished_run):
    found = [Model.open(folder) for folder in finished_run.folder.joinpath("models").iterdir()]
    ours = [model for model in found if model.manifest.format is Format.ONNX]
    assert sorted(model.manifest.precision for model in ours) == ["fp32", "int8"]
    return {model.manifest.precision: model for model in ours}


@pytest.fixture(scope="module")
def fixed(tiny_models, imported, tmp_path_factory):
    """An ONNX Model whose batch is 1."""
    with Model.build(tmp_path_factory.mktemp("models")) as draft:
        shutil.copy(tiny_models / "onnx" / "fixed.onnx", draft.folder / "model.onnx")
        draft.manifest = imported["fixed"].manifest.model_copy(update={"format": Format.ONNX})
    return draft.model


@pytest.fixture(scope="module")
def sessions(models, session_inputs, run_native, tmp_path_factory):
    """What became of each input in a session of each precision, and without graph optimization."""

    def run(precision, **settings):
        outcome = run_native(
            "run_session", backend=BACKEND, model=models[precision].folder, inputs=session_inputs,
            settings={"precision": precision, **settings}, folder=tmp_path_factory.mktemp("out"),
        )  # fmt: skip
        assert outcome.status == "ok", outcome.reason
        return outcome.value

    plain = run("int8", options={"graph_optimization": "none"})
    return {"fp32": run("fp32"), "int8": run("int8"), "batch": run("fp32", batch=2, threads=2), "plain": plain}


def outputs(session, name="one"):
    found = session["runs"][name]
    assert found["error"] == "", found["reason"]
    with np.load(found["value"]) as arrays:
        (value,) = arrays.values()
    return value


def test_fp32_outputs_are_paddles_own_when_compared_with_its_executor(sessions, reference):
    assert np.abs(outputs(sessions["fp32"]) - reference[:1]).max() < TOLERANCE


def test_outputs_have_the_models_names_when_the_runtime_has_others(sessions, models):
    with np.load(sessions["fp32"]["runs"]["one"]["value"]) as arrays:
        assert list(arrays) == [spec.name for spec in models["fp32"].manifest.outputs]


def test_int8_outputs_are_close_when_compared_with_fp32(sessions, sqnr):
    assert SQNR_DB < sqnr(outputs(sessions["fp32"]), outputs(sessions["int8"])) < 100


def test_two_samples_are_run_at_once_when_the_batch_is_dynamic(sessions, reference):
    for session in ("batch", "fp32"):
        assert np.abs(outputs(sessions[session], "two") - reference[:2]).max() < TOLERANCE


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrong_name", "input 'image' is missing; the model needs: image float32 Nx3x16x16"),
        ("wrong_dtype", "dtype float64 given, the model takes float32; cast it in the task's preprocess"),
        ("wrong_shape", "shape [1, 2, 16, 16] given, the model takes [-1, 3, 16, 16]; mend the task's preprocess"),
        ("wrong_rank", "shape [3, 16, 16] given"),
        ("unknown_input", "input 'mask': the model has none of this name; it has: image float32 Nx3x16x16"),
    ],
)
def test_run_refuses_inputs_when_they_are_not_the_models(sessions, name, said):
    found = sessions["fp32"]["runs"][name]
    assert found["error"] == "InputError"
    assert said in found["reason"]


def test_describe_counts_int8_operators_when_the_model_is_quantized(sessions):
    described = sessions["int8"]["describe"]
    assert described["providers"] == ["CPUExecutionProvider"]
    assert 0.5 <= described["int8_share"] <= 1
    assert described["operators"]["QLinearConv"] >= 2
    assert 0 < described["int8_time_share"] < 1


def test_describe_says_the_same_without_time_when_nothing_was_run(models, sessions, run_native, tmp_path):
    described = run_native(
        "run_session", backend=BACKEND, model=models["int8"].folder, inputs={}, settings={"precision": "int8"},
        folder=tmp_path,
    ).value["describe"]  # fmt: skip
    profiled = sessions["int8"]["describe"]
    assert described["int8_time_share"] is None
    for fact in ("operators", "int8_share", "matrix_operators", "float_operators", "float_names"):
        assert described[fact] == profiled[fact], fact


def test_describe_counts_no_int8_operators_when_none_runs_in_int8(sessions):
    assert sessions["fp32"]["describe"]["int8_share"] == 0
    assert sessions["plain"]["describe"]["int8_share"] == 0
    assert "QLinearConv" not in sessions["plain"]["describe"]["operators"]


def test_open_is_unsupported_when_the_batch_is_fixed_at_another(fixed):
    with pytest.raises(UnsupportedError, match="batch 2: input 'image' of fixed is fixed at batch 1"):
        BACKENDS[BACKEND].open(fixed, Settings(batch=2))


def test_fixed_batch_runs_when_it_is_the_one_asked_for(fixed, session_inputs, reference, run_native, tmp_path):
    found = run_native(
        "run_session", backend=BACKEND, model=fixed.folder, settings={}, folder=tmp_path,
        inputs={name: session_inputs[name] for name in ("one", "two")},
    ).value  # fmt: skip
    assert np.abs(outputs(found) - reference[:1]).max() < TOLERANCE
    assert found["runs"]["two"]["error"] == "InputError"


def test_open_fails_with_the_runtimes_words_when_the_file_is_broken(models, run_native, tmp_path):
    shutil.copytree(models["fp32"].folder, tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"not an onnx file")
    outcome = run_native(
        "run_session", backend=BACKEND, model=tmp_path / "model", settings={}, inputs={}, folder=tmp_path
    )
    assert outcome.status == "failed"
    assert "model.onnx" in outcome.reason
