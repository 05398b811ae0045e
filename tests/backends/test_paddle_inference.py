"""Paddle Inference on CPU: it computes what Paddle's plain executor computes, in INT8 nearly so."""

import numpy as np
import pytest

from workbench.machine import this_machine
from workbench.models.model import Format, Model

BACKEND = "paddle_inference"
TOLERANCE = 1e-4
SQNR_DB = 10.0


@pytest.fixture(scope="module")
def models(finished_run):
    found = [Model.open(folder) for folder in finished_run.folder.joinpath("models").iterdir()]
    return {model.manifest.precision: model for model in found if model.manifest.format is Format.PADDLE}


@pytest.fixture(scope="module")
def sessions(models, session_inputs, run_native, tmp_path_factory):
    """What became of each input in a session of each precision."""

    def run(precision, **settings):
        outcome = run_native(
            "run_session", backend=BACKEND, model=models["int8" if precision == "int8" else "fp32"].folder,
            settings={"precision": precision, **settings}, inputs=session_inputs, folder=tmp_path_factory.mktemp("out"),
        )  # fmt: skip
        assert outcome.status == "ok", outcome.reason
        return outcome.value

    return {"fp32": run("fp32"), "int8": run("int8"), "batch": run("fp32", batch=2, threads=2)}


def outputs(session, name="one"):
    found = session["runs"][name]
    assert found["error"] == "", found["reason"]
    with np.load(found["value"]) as arrays:
        (value,) = arrays.values()
    return value


def test_fp32_outputs_are_paddles_own_when_compared_with_its_executor(sessions, reference):
    assert np.abs(outputs(sessions["fp32"]) - reference[:1]).max() < TOLERANCE


def test_outputs_have_the_models_names_when_they_come_back(sessions, models):
    with np.load(sessions["fp32"]["runs"]["one"]["value"]) as arrays:
        assert list(arrays) == [spec.name for spec in models["fp32"].manifest.outputs]


def test_int8_outputs_are_close_when_compared_with_fp32(sessions, sqnr):
    assert SQNR_DB < sqnr(outputs(sessions["fp32"]), outputs(sessions["int8"])) < 100


def test_two_samples_are_run_at_once_when_the_batch_is_dynamic(sessions, reference):
    for session in ("batch", "fp32"):
        assert np.abs(outputs(sessions[session], "two") - reference[:2]).max() < TOLERANCE


def test_results_stay_when_the_session_runs_again(sessions):
    first = outputs(sessions["fp32"])
    assert np.array_equal(first, outputs(sessions["fp32"], "one_again"))


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


def test_describe_tells_the_share_in_int8_when_the_model_is_quantized(sessions):
    described = sessions["int8"]["describe"]
    assert (described["engine"], described["precision"]) == ("Paddle Inference (oneDNN)", "int8")
    assert 0.5 <= described["int8_share"] <= 1
    assert 0 < described["int8_time_share"] < 1
    assert described["operators"]["convolution"] >= 2


def test_describe_counts_no_int8_when_the_model_is_float(sessions):
    described = sessions["fp32"]["describe"]
    assert (described["int8_share"], described["int8_time_share"]) == (0, 0)
    # Three convolutions and a linear layer, each of which oneDNN executes.
    assert described["matrix_operators"] == {"fp32": 4}
    assert "outside oneDNN" not in described["operators"]


def test_describe_leaves_the_session_and_its_output_alone_when_asked(models, session_inputs, run_native):
    found = run_native(
        "describe_between_runs", backend=BACKEND, model=models["fp32"].folder, inputs=session_inputs["one"]
    ).value
    assert found["before"] == found["after"]
    assert found["printed"] == "kept\n"


def test_describe_knows_nothing_when_nothing_was_run(models, run_native, tmp_path):
    described = run_native(
        "run_session", backend=BACKEND, model=models["fp32"].folder, settings={}, inputs={}, folder=tmp_path
    ).value["describe"]
    assert (described["int8_share"], described["int8_time_share"], described["operators"]) == (None, None, {})


def test_open_is_unsupported_when_the_batch_is_fixed_at_another(imported, run_native, tmp_path):
    outcome = run_native(
        "run_session",
        backend=BACKEND,
        model=imported["fixed"].folder,
        settings={"batch": 2},
        inputs={},
        folder=tmp_path,
    )
    assert outcome.status == "unsupported"
    assert outcome.reason == "batch 2: input 'image' of fixed is fixed at batch 1"


@pytest.mark.skipif(not {"avx512_bf16", "amx_bf16"} & set(this_machine().isa), reason="this CPU has no BF16 arithmetic")
def test_bf16_outputs_are_close_when_the_cpu_has_it(models, session_inputs, sessions, sqnr, run_native, tmp_path):
    outcome = run_native(
        "run_session", backend=BACKEND, model=models["fp32"].folder, settings={"precision": "bf16"},
        inputs={"one": session_inputs["one"]}, folder=tmp_path,
    )  # fmt: skip
    assert outcome.status == "ok", outcome.reason
    assert set(outcome.value["describe"]["matrix_operators"]) == {"bf16"}
    assert sqnr(outputs(sessions["fp32"]), outputs(outcome.value)) > 20


def test_session_keeps_in_float_what_onednn_refuses_when_the_first_run_in_int8_fails(
    run_native, tmp_path, tiny_task_file
):
    task = {"source": {"file": str(tiny_task_file)}, "folder": str(tmp_path)}
    outcome = run_native("pooling_jobs:run_pooling", folder=tmp_path, task=task)
    assert outcome.status == "ok", outcome.reason
    found = outcome.value
    assert found["kept_in_float"] == ["concat", "pool2d"]
    assert found["kept_in_fp32"] == []
    assert found["int8_share"] > 0.6
    assert found["difference"] < 0.1 * found["largest"]
