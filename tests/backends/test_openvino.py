"""OpenVINO on CPU: it computes what Paddle computes, in INT8 where the graph says so, and sends nothing to anybody."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from workbench.backends import openvino
from workbench.backends.base import Settings
from workbench.backends.openvino import OpenVINOOptions
from workbench.backends.registry import BACKENDS
from workbench.errors import UnsupportedError
from workbench.machine import this_machine
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

pytest.importorskip("openvino", reason="openvino is optional, and not installed")

BACKEND = "openvino"
TOLERANCE = 1e-4
SQNR_DB = 10.0
HAS_BF16 = bool({"avx512_bf16", "amx_bf16"} & set(this_machine().isa))


@pytest.fixture(scope="module")
def models(finished_run, run_native, tmp_path_factory):
    """The Paddle Models of a run, FP32 and INT8, as this backend wants them."""
    folder = tmp_path_factory.mktemp("prepared")
    # A quantized Model finds its float twin beside itself.
    shutil.copytree(finished_run.folder / "models", folder, dirs_exist_ok=True)
    found = [Model.open(path) for path in folder.iterdir()]
    prepared = {}
    for model in (model for model in found if model.manifest.format is Format.PADDLE):
        function = BACKENDS[BACKEND].prepare_function(model, Settings())
        outcome = run_native(function, model=model.folder, models=folder)
        assert outcome.status == "ok", outcome.reason
        prepared[model.manifest.precision] = Model.open(folder / outcome.value["digest"])
    return prepared


@pytest.fixture(scope="module")
def fixed(tiny_models, imported, tmp_path_factory):
    """An ONNX Model whose batch is 1."""
    with Model.build(tmp_path_factory.mktemp("models")) as draft:
        shutil.copy(tiny_models / "onnx" / "fixed.onnx", draft.folder / "model.onnx")
        draft.manifest = imported["fixed"].manifest.model_copy(update={"format": Format.ONNX})
    return draft.model


@pytest.fixture(scope="module")
def run_session(models, session_inputs, run_native, tmp_path_factory):
    """Open a session, run each input in it, and give what became of them."""

    def run(precision, inputs=session_inputs, backend=BACKEND, **settings):
        return run_native(
            "run_session", backend=backend, model=models["int8" if precision == "int8" else "fp32"].folder,
            inputs=inputs, settings={"precision": precision, **settings}, folder=tmp_path_factory.mktemp("out"),
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def sessions(run_session):
    """What became of each input in sessions of each precision, and in ONNX Runtime."""
    found = {
        "fp32": run_session("fp32"),
        "int8": run_session("int8"),
        "batch": run_session("fp32", batch=2, threads=2),
        "onnxruntime": run_session("fp32", backend="onnxruntime"),
        "no run": run_session("int8", inputs={}),
    }
    assert [outcome.reason for outcome in found.values() if outcome.status != "ok"] == []
    return {name: outcome.value for name, outcome in found.items()}


def outputs(session, name="one"):
    found = session["runs"][name]
    assert found["error"] == "", found["reason"]
    with np.load(found["value"]) as arrays:
        (value,) = arrays.values()
    return value


def test_fp32_outputs_are_paddles_own_when_compared_with_its_executor(sessions, reference):
    assert np.abs(outputs(sessions["fp32"]) - reference[:1]).max() < TOLERANCE


def test_fp32_outputs_are_those_of_onnx_runtime_when_it_runs_the_same_file(sessions):
    assert np.abs(outputs(sessions["fp32"]) - outputs(sessions["onnxruntime"])).max() < 1e-5


def test_outputs_have_the_models_names_when_the_runtime_has_others(sessions, models):
    with np.load(sessions["fp32"]["runs"]["one"]["value"]) as arrays:
        assert list(arrays) == [spec.name for spec in models["fp32"].manifest.outputs]


def test_int8_outputs_are_close_when_compared_with_fp32(sessions, sqnr):
    assert SQNR_DB < sqnr(outputs(sessions["fp32"]), outputs(sessions["int8"])) < 100


@pytest.mark.parametrize("session", ["batch", "fp32"])
def test_two_samples_are_run_at_once_when_the_batch_is_dynamic(sessions, reference, session):
    assert np.abs(outputs(sessions[session], "two") - reference[:2]).max() < TOLERANCE


def test_results_stay_when_the_session_runs_again(models, session_inputs, run_native):
    kept = run_native("keep_outputs", backend=BACKEND, model=models["fp32"].folder, inputs=session_inputs["two"]).value
    assert kept["first_as_it_was"] == kept["first_after_the_second"]
    assert kept["first_as_it_was"] != kept["second"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrong_name", "input 'image' is missing; the model needs: image float32 Nx3x16x16"),
        ("wrong_dtype", "dtype float64 given, the model takes float32; cast it in the task's preprocess"),
        ("wrong_shape", "shape [1, 2, 16, 16] given, the model takes [-1, 3, 16, 16]; mend the task's preprocess"),
    ],
)
def test_run_refuses_inputs_when_they_are_not_the_models(sessions, name, said):
    found = sessions["fp32"]["runs"][name]
    assert found["error"] == "InputError"
    assert said in found["reason"]


def test_describe_tells_the_share_in_int8_when_the_model_is_quantized(sessions):
    described = sessions["int8"]["describe"]
    assert (described["float_precision"], described["threads"]) == ("f32", 1)
    assert 0.5 <= described["int8_share"] <= 1
    assert 0 < described["int8_time_share"] < 1
    assert described["matrix_operators"]["int8"] >= 2


def test_describe_knows_no_time_when_nothing_was_run(sessions):
    described = sessions["no run"]["describe"]
    assert described["int8_time_share"] is None
    assert described["int8_share"] == sessions["int8"]["describe"]["int8_share"]


def test_describe_counts_no_int8_when_the_model_is_float(sessions):
    described = sessions["fp32"]["describe"]
    assert (described["int8_share"], described["int8_time_share"]) == (0, 0)
    assert set(described["matrix_operators"]) == {"fp32"}
    assert sum(described["float_operators"].values()) == described["matrix_operators"]["fp32"]


def test_fixed_batch_runs_when_it_is_the_one_asked_for(fixed, session_inputs, reference, run_native, tmp_path):
    found = run_native(
        "run_session", backend=BACKEND, model=fixed.folder, settings={}, folder=tmp_path,
        inputs={name: session_inputs[name] for name in ("one", "two")},
    ).value  # fmt: skip
    assert np.abs(outputs(found) - reference[:1]).max() < TOLERANCE
    assert found["runs"]["two"]["error"] == "InputError"


def test_open_is_unsupported_when_the_batch_is_fixed_at_another(fixed):
    with pytest.raises(UnsupportedError, match="batch 2: input 'image' of fixed is fixed at batch 1"):
        BACKENDS[BACKEND].open(fixed, Settings(batch=2))


def test_open_fails_with_the_runtimes_words_when_the_file_is_broken(models, run_native, tmp_path):
    shutil.copytree(models["fp32"].folder, tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"not an onnx file")
    outcome = run_native(
        "run_session", backend=BACKEND, model=tmp_path / "model", settings={}, inputs={}, folder=tmp_path
    )
    assert outcome.status == "failed"
    assert "\n" not in outcome.reason


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no BF16 arithmetic")
def test_bf16_computes_in_bf16_when_the_cpu_has_it(run_session, sessions, sqnr, session_inputs):
    outcome = run_session("bf16", inputs={"one": session_inputs["one"]})
    assert outcome.status == "ok", outcome.reason
    assert "bf16" in outcome.value["describe"]["matrix_operators"]
    assert 20 < sqnr(outputs(sessions["fp32"]), outputs(outcome.value)) < 90


@pytest.mark.skipif(HAS_BF16, reason="this CPU has BF16 arithmetic")
@pytest.mark.parametrize(("precision", "options"), [("bf16", {}), ("int8", {"int8_rest": "bf16"})])
def test_bf16_is_unavailable_when_the_cpu_has_none(run_session, precision, options):
    outcome = run_session(precision, inputs={}, options=options)
    assert outcome.status == "unavailable"
    assert outcome.reason.startswith("OpenVINO computes no BF16 on this CPU, only: ")
    assert BACKENDS[BACKEND].lacks(Precision.BF16, Device.CPU, this_machine())


def test_options_are_refused_when_they_are_unknown_or_out_of_range():
    for wrong in ({"streams": 2}, {"int8_rest": "fp64"}, {"cpu_pinning": "perhaps"}):
        with pytest.raises(ValidationError):
            OpenVINOOptions(**wrong)


def test_prepare_function_lowers_when_the_model_is_of_paddle(imported, fixed):
    assert BACKENDS[BACKEND].prepare_function(imported["tiny"], Settings()) == "workbench.lowering.openvino:prepare_job"
    assert BACKENDS[BACKEND].prepare_function(fixed, Settings()) == ""


def test_availability_says_how_to_install_when_the_package_is_missing(monkeypatch):
    monkeypatch.setattr(openvino, "package_version", lambda name: None)
    found = BACKENDS[BACKEND].availability(Device.CPU)
    assert str(found) == "package openvino is not installed; install it with: pip install openvino==2026.4.1"


IMPORT = """
import sys, types
class Telemetry:
    def __init__(self, *a, **k): raise SystemExit("the telemetry was started")
package = types.ModuleType("openvino_telemetry"); package.Telemetry = Telemetry
package.backend = types.ModuleType("openvino_telemetry.backend"); package.backend.backend_ga4 = None
if MENDED:
    from workbench.compatibility import import_openvino
else:
    import importlib
    import_openvino = lambda: importlib.import_module("openvino")
sys.modules |= {"openvino_telemetry": package, "openvino_telemetry.backend": package.backend}
import_openvino().Core().available_devices
"""


@pytest.mark.parametrize(("mended", "said"), [(True, ""), (False, "the telemetry was started")])
def test_import_starts_no_telemetry_when_its_package_is_there(tmp_path: Path, mended: bool, said: str) -> None:
    code = IMPORT.replace("MENDED", str(mended))
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.strip() == said
    assert list(tmp_path.iterdir()) == []
