"""ONNX Runtime on GPU, as far as it runs without one: binding, choosing, and refusing the silent way back to the CPU."""

from pathlib import Path

import pytest

from workbench.backends.base import Settings
from workbench.backends.onnx_runtime_providers import Provider, chosen_provider, provider_list, refuse_fallback
from workbench.backends.registry import BACKENDS
from workbench.errors import UnavailableError, UnsupportedError
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


@pytest.fixture(scope="module")
def onnx_model(finished_run):
    models = [Model.open(folder) for folder in finished_run.folder.joinpath("models").iterdir()]
    (model,) = [m for m in models if m.manifest.format is Format.ONNX and m.manifest.precision == "fp32"]
    return model


@pytest.fixture(scope="module")
def found(onnx_model, session_inputs, run_native, tmp_path_factory):
    outcome = run_native(
        "gpu_jobs:onnx_runtime",
        model=onnx_model.folder,
        inputs=session_inputs["one"],
        cache=tmp_path_factory.mktemp("cache"),
    )
    assert outcome.status == "ok", outcome.reason
    return outcome.value


def test_bound_runs_give_what_plain_ones_give_when_inputs_and_shapes_change(found):
    assert found["equal"] == [True] * 4
    assert found["untouched"]


def test_parts_are_the_three_of_a_run_when_they_are_timed(found):
    assert list(found["parts_ms"]) == ["host_to_device", "inference", "device_to_host"]
    assert all(value >= 0 for value in found["parts_ms"].values())
    assert found["parts_ms"]["inference"] > 0


def test_nodes_are_counted_by_the_provider_that_ran_them_when_profiled(found):
    assert list(found["nodes"]) == ["CPUExecutionProvider"]
    assert found["nodes"]["CPUExecutionProvider"] > 1


@pytest.mark.parametrize(("provider", "name"), [("cuda", CUDA), ("tensorrt", TENSORRT)])
def test_open_is_unavailable_when_onnx_runtime_would_go_on_on_the_cpu(found, provider, name):
    outcome = found["open"][provider]
    assert outcome["error"] == "UnavailableError"
    assert outcome["reason"] == (
        f"ONNX Runtime would run this on CPUExecutionProvider: {name} does not load here, for this build of ONNX Runtime does not "
        "have it"
    )


def test_probe_names_the_install_line_when_the_provider_does_not_load(found):
    assert found["probe"].startswith("ONNX Runtime would run this on CPUExecutionProvider: ")
    assert "install it with: pip uninstall -y onnxruntime onnxruntime-gpu && pip install" in found["probe"]


@pytest.fixture(scope="module")
def kept(onnx_model, session_inputs, run_native, tmp_path_factory):
    arguments = {"inputs": session_inputs["one"], "folder": tmp_path_factory.mktemp("kept")}
    outcome = run_native("gpu_jobs:kept_engines", model=onnx_model.folder, **arguments)
    assert outcome.status == "ok", outcome.reason
    return outcome.value


@pytest.mark.parametrize("when", ["refused.open", "refused.run"])
def test_engines_are_built_again_when_tensorrt_refuses_the_kept_ones(kept, when):
    assert kept[when]["error"] == "", kept[when]["reason"]
    assert kept[when]["value"] == {"equal": True, "left": []}


def test_fault_is_one_line_when_memory_runs_out_while_a_session_is_made(kept):
    """ONNX Runtime by itself would start on the CUDA provider."""
    assert kept["memory"]["error"] == "DeviceError"
    assert kept["memory"]["reason"].startswith(
        "out of GPU memory (TensorRT EP failed to create engine: Cuda Runtime (out of memory)); lower the batch"
    )


@pytest.mark.parametrize("providers", [[], ["CPUExecutionProvider"], ["CPUExecutionProvider", CUDA]])
def test_fallback_is_refused_when_the_wanted_provider_is_not_first(providers):
    with pytest.raises(UnavailableError, match=CUDA):
        refuse_fallback(providers, Provider.CUDA)


def test_nothing_is_refused_when_the_wanted_provider_is_first():
    refuse_fallback([CUDA, "CPUExecutionProvider"], Provider.CUDA)


@pytest.mark.parametrize(
    ("asked", "precision", "chosen"),
    [
        (Provider.AUTO, Precision.FP32, Provider.CUDA), (Provider.AUTO, Precision.FP16, Provider.CUDA),
        (Provider.AUTO, Precision.INT8, Provider.TENSORRT), (Provider.AUTO, Precision.INT8_FP16, Provider.TENSORRT),
        (Provider.TENSORRT, Precision.FP32, Provider.TENSORRT),
    ],
)  # fmt: skip
def test_provider_fits_the_precision_when_the_recipe_leaves_it_open(asked, precision, chosen):
    assert chosen_provider(asked, precision) is chosen


def test_int8_is_unsupported_when_the_cuda_provider_is_asked_for():
    with pytest.raises(UnsupportedError, match="has no INT8 kernels"):
        chosen_provider(Provider.CUDA, Precision.INT8)


@pytest.mark.parametrize(
    ("precision", "int8", "half"),
    [
        (Precision.FP32, "False", "False"), (Precision.FP16, "False", "True"),
        (Precision.INT8, "True", "False"), (Precision.INT8_FP16, "True", "True"),
    ],
)  # fmt: skip
def test_tensorrt_may_use_what_the_precision_names_when_it_is_the_provider(precision, int8, half):
    providers = provider_list(Provider.TENSORRT, precision, workspace_mb=2, cache=Path("/plans"))
    assert [name for name, _ in providers] == [TENSORRT, CUDA]
    options = providers[0][1]
    assert (options["trt_int8_enable"], options["trt_fp16_enable"]) == (int8, half)
    assert options["trt_max_workspace_size"] == str(2 * 1024 * 1024)
    assert options["trt_engine_cache_path"] == "/plans"


@pytest.mark.parametrize(
    ("precision", "function"),
    [("fp32", "prepare_job"), ("fp16", "prepare_half_job"), ("int8", "prepare_job"), ("int8+fp16", "prepare_job")],
)
def test_models_are_lowered_as_tensorrt_wants_them_when_the_device_is_a_gpu(imported, precision, function):
    settings = Settings(device=Device.GPU, precision=precision)
    assert (
        BACKENDS["onnxruntime"].prepare_function(imported["tiny"], settings)
        == f"workbench.lowering.tensorrt:{function}"
    )
