"""The preparing jobs: float and quantized Paddle Models become ONNX Models of each backend, by way of the float twin."""

from collections import Counter

import numpy as np
import onnx
import pytest

from workbench.files import file_digest
from workbench.lowering.onnx_export import OPSET
from workbench.models.model import Format, Model, copy_files
from workbench.models.scales import Scales

BACKENDS = ("onnxruntime", "openvino", "tensorrt")
JOBS = {
    "onnxruntime": "workbench.lowering.onnx_runtime:prepare_job",
    "openvino": "workbench.lowering.openvino:prepare_job",
    "tensorrt": "workbench.lowering.tensorrt:prepare_job",
}
FLOAT_JOB = "workbench.lowering.onnx_export:prepare_float_job"
HALF_JOB = "workbench.lowering.tensorrt:prepare_half_job"
BOUND_DB = 20.0


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(0)
    return [random.normal(0, 1, (1, 3, 16, 16)).astype(np.float32) for _ in range(8)]


@pytest.fixture(scope="module")
def exported(imported, run_native, tmp_path_factory):
    """The float ONNX Model of the tiny Paddle Model."""
    models = tmp_path_factory.mktemp("float")
    outcome = run_native(FLOAT_JOB, model=imported["tiny"].folder, models=models)
    assert outcome.status == "ok", outcome.reason
    return Model.open(models / outcome.value["digest"], verify=True)


def quantized_model(twin, scales, *, float_twin=None):
    """A quantized Model beside `twin`: lowering reads its scales and its twin, not its files."""
    with Model.build(twin.folder.parent) as draft:
        copy_files(twin, draft.folder)
        changes = {"precision": "int8", "method": "static", "variant": "minmax", "scales": scales}
        digest = twin.digest if float_twin is None else float_twin
        draft.manifest = twin.manifest.model_copy(update={**changes, "parent": twin.digest, "float_twin": digest})
    return draft.model


@pytest.fixture(scope="module")
def scales(lowering, exported, samples):
    network = onnx.load(str(exported.onnx_file))
    return lowering.scales_of(lowering.measured_ranges(network, samples))


@pytest.fixture(scope="module")
def lowered(imported, scales, run_native, tmp_path_factory):
    """Quantized Paddle Model, and the ONNX Model of each backend."""
    source = quantized_model(imported["tiny"], scales)
    models = tmp_path_factory.mktemp("lowered")
    outcomes = {name: run_native(job, model=source.folder, models=models) for name, job in JOBS.items()}
    assert {outcome.status for outcome in outcomes.values()} == {"ok"}, outcomes
    return source, {
        name: Model.open(models / outcome.value["digest"], verify=True) for name, outcome in outcomes.items()
    }


def kinds(model):
    return Counter(node.op_type for node in onnx.load(str(model.onnx_file)).graph.node)


def test_export_keeps_what_the_model_is_when_it_changes_the_format(imported, exported):
    source, manifest = imported["tiny"], exported.manifest
    assert (manifest.inputs, manifest.outputs) == (source.manifest.inputs, source.manifest.outputs)
    assert (manifest.name, manifest.format, manifest.precision) == (source.manifest.name, Format.ONNX, "fp32")
    assert manifest.parent == source.digest
    assert manifest.versions["paddle2onnx"] == "1.3.1"
    assert manifest.options == {"opset": OPSET, "dialect": "float"}


def test_exported_file_is_simple_when_checked(exported):
    network = onnx.load(str(exported.onnx_file))
    onnx.checker.check_model(network)
    assert [(opset.domain, opset.version) for opset in network.opset_import] == [("", OPSET)]
    axes = network.graph.input[0].type.tensor_type.shape.dim
    assert axes[0].dim_param
    assert [axis.dim_value for axis in axes[1:]] == [3, 16, 16]
    assert kinds(exported) == {"Conv": 3, "Relu": 3, "GlobalAveragePool": 1, "Reshape": 1, "Gemm": 1, "Softmax": 1}


@pytest.mark.parametrize("backend", BACKENDS)
def test_float_model_is_the_same_for_every_backend_when_prepared(imported, exported, run_native, tmp_path, backend):
    outcome = run_native(JOBS[backend], model=imported["tiny"].folder, models=tmp_path)
    assert outcome.value["digest"] == exported.digest
    assert outcome.value["seconds"] > 0
    assert file_digest(tmp_path / exported.digest / "model.onnx") == file_digest(exported.onnx_file)


@pytest.mark.parametrize("backend", BACKENDS)
def test_lowered_model_says_what_it_is_when_quantized(lowered, backend):
    source, models = lowered
    manifest = models[backend].manifest
    assert (manifest.precision, manifest.method, manifest.variant) == ("int8", "static", "minmax")
    assert (manifest.inputs, manifest.outputs) == (source.manifest.inputs, source.manifest.outputs)
    assert (manifest.scales, manifest.parent) == (source.manifest.scales, source.digest)
    assert manifest.options["dialect"] == backend
    assert manifest.facts["float_operators"] == []
    assert manifest.facts["unknown_operators"] == []
    assert manifest.facts["kept_but_not_found"] == []


def test_lowered_models_differ_when_the_dialects_do(lowered, exported):
    _, models = lowered
    assert len({model.digest for model in (*models.values(), exported)}) == 4
    pairs = {name: kinds(model)["QuantizeLinear"] for name, model in models.items()}
    assert pairs["openvino"] == 4 < pairs["tensorrt"] == 5 < pairs["onnxruntime"]  # a pool more


@pytest.mark.parametrize("backend", BACKENDS)
def test_lowered_model_is_near_float_when_run(lowering, lowered, exported, samples, backend):
    before, after = (onnx.load(str(model.onnx_file)) for model in (exported, lowered[1][backend]))
    batch = np.concatenate(samples)
    runner = {"onnxruntime": lowering.run, "openvino": lowering.run_openvino, "tensorrt": lowering.run}[backend]
    assert BOUND_DB < lowering.decibels(lowering.run(before, batch), runner(after, batch)) < 100


@pytest.mark.parametrize("quantized", [True, False])
def test_half_model_is_near_float_when_run(
    lowering, imported, lowered, exported, samples, run_native, tmp_path, quantized
):
    source = lowered[0] if quantized else imported["tiny"]
    outcome = run_native(HALF_JOB, model=source.folder, models=tmp_path)
    assert outcome.status == "ok", outcome.reason
    made = Model.open(tmp_path / outcome.value["digest"], verify=True)
    after = onnx.load(str(made.onnx_file))
    onnx.checker.check_model(after, full_check=True)
    assert made.manifest.options == {"opset": 19, "dialect": "tensorrt+fp16" if quantized else "float+fp16"}
    assert [opset.version for opset in after.opset_import] == [19]
    batch = np.concatenate(samples)
    loss = lowering.decibels(lowering.run(onnx.load(str(exported.onnx_file)), batch), lowering.run(after, batch))
    assert (BOUND_DB if quantized else 50) < loss < 100


def test_job_is_unsupported_when_the_model_names_no_twin(imported, scales, run_native, tmp_path):
    source = quantized_model(imported["tiny"], scales, float_twin="")
    outcome = run_native(JOBS["onnxruntime"], model=source.folder, models=tmp_path / "models")
    assert outcome.status == "unsupported"
    assert outcome.reason == "model tiny/static/minmax: it names no float twin; quantize it with the workbench"


@pytest.mark.parametrize("backend", BACKENDS)
def test_job_is_unsupported_when_there_are_no_ranges(imported, run_native, tmp_path, backend):
    source = quantized_model(imported["tiny"], Scales())
    outcome = run_native(JOBS[backend], model=source.folder, models=tmp_path / "models")
    assert outcome.status == "unsupported"
    assert "has no activation ranges" in outcome.reason
    assert not list((tmp_path / "models").glob("*"))


def test_job_is_a_crash_with_its_last_words_when_an_operator_is_unknown(imported, run_native, tmp_path):
    outcome = run_native(FLOAT_JOB, model=imported["strange"].folder, models=tmp_path)
    assert outcome.status == "crashed"
    assert "operators not supported yet, including lgamma" in outcome.reason
    assert len(outcome.reason.splitlines()) == 1
