"""Models that others quantized, through the stages: in both formats of PaddleSlim, as ONNX, from the zoo's archive, and what is refused."""

import io
import tarfile

import numpy as np
import onnxruntime
import pytest
import yaml

from workbench import pipeline
from workbench.errors import InputError
from workbench.experiment import ModelSource, TaskSource
from workbench.models import zoo
from workbench.models.model import Model
from workbench.quant.published import PublishedOptions
from workbench.records import Status
from workbench.tasks.loader import task_spec

DEPLOY = [{"backend": name, "precision": ["fp32", "int8"]} for name in ("paddle_inference", "onnxruntime")]
FORMS = {"new": "new", "old": "old", "onnx": "static.onnx"}


@pytest.fixture(scope="module")
def published(imported, tiny_task_file, run_native, tmp_path_factory):
    """Folder with what others make of the tiny model (see assets/published_jobs.py)."""
    folder = tmp_path_factory.mktemp("published")
    task = task_spec(TaskSource(file=tiny_task_file, options={"calibration_images": 8}), folder)
    outcome = run_native("published_jobs:publish", model=imported["tiny"].folder, task=task, folder=folder)
    assert outcome.status == "ok", outcome.reason
    return folder


@pytest.fixture(scope="module")
def run(published, tiny_paddle, tiny_task_file, tmp_path_factory):
    """The experiment, and the state of its first three stages: FP32 against every published form on every backend."""
    folder = tmp_path_factory.mktemp("run")
    entries = [{"method": "published", "path": str(published / file), "variant": name} for name, file in FORMS.items()]
    recipe = {
        "name": "published", "model": {"path": str(tiny_paddle)}, "task": {"file": str(tiny_task_file)}, "quantize": entries,
        "deploy": DEPLOY, "measure": {"bootstrap": 20, "sqnr_images": 8},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    experiment = pipeline.open_experiment(folder / "recipe.yaml", folder / "run")
    return experiment, pipeline.quantize(experiment), pipeline.deploy(experiment), pipeline.accuracy(experiment)


def int8_cell(state, backend, form):
    return state["cells"][f"{backend}-cpu-int8-t1-b1-published-{form}"]


@pytest.mark.parametrize(
    ("form", "written", "quantized"),
    [("new", "paddle", "quantize_linear"), ("old", "paddle", "fake_quantize"), ("onnx", "onnx", "onnx")],
)
def test_publish_takes_the_network_as_it_is_when_it_is_quantized(run, published, form, written, quantized):
    experiment, made, _, _ = run
    model = Model.open(experiment.run.models / made["models"][f"published-{form}"]["digest"], verify=True)
    manifest = model.manifest
    assert (manifest.precision, manifest.method, manifest.format, manifest.float_twin) == (
        "int8",
        "published",
        written,
        "",
    )
    assert manifest.facts["quantized_format"] == quantized
    assert [spec.name for spec in manifest.inputs] == ["image"]
    own = published / FORMS[form]
    files = [own] if own.is_file() else sorted(own.glob("model.pd*"))
    assert [(model.folder / (f"model{file.suffix}")).read_bytes() for file in files] == [
        file.read_bytes() for file in files
    ]


@pytest.mark.parametrize(
    ("backend", "form"),
    [("paddle_inference", "new"), ("paddle_inference", "old"), ("onnxruntime", "new"), ("onnxruntime", "onnx")],
)
def test_published_model_runs_in_int8_near_fp32_when_the_backend_reads_it(run, backend, form):
    _, _, deployed, accuracy = run
    cell = int8_cell(deployed, backend, form)
    assert (cell["status"], cell["reason"]) == (Status.OK, "")
    found = int8_cell(accuracy, backend, form)
    assert found["status"] == Status.OK
    assert found["sqnr_db"] > 12
    assert found["drop"]["drop"] <= 10
    assert cell["describe"]["int8_share"] > 0.5


def test_old_format_is_an_unsupported_row_when_paddle2onnx_would_abort(run):
    cell = int8_cell(run[2], "onnxruntime", "old")
    assert cell["status"] == Status.UNSUPPORTED
    assert "old format (fake_quantize_*)" in cell["reason"]


def test_openvino_runs_the_same_network_as_onnx_runtime_when_it_was_published(run, run_native, tmp_path):
    experiment, made, deployed, _ = run
    models = experiment.run.models
    digest = made["models"]["published-new"]["digest"]
    prepared = run_native("workbench.lowering.openvino:prepare_job", model=models / digest, models=tmp_path).value[
        "digest"
    ]
    assert prepared == int8_cell(deployed, "onnxruntime", "new")["prepared"]
    np.savez(tmp_path / "inputs.npz", image=np.random.default_rng(0).random((1, 3, 16, 16), np.float32))
    outcome = run_native(
        "run_session", backend="openvino", model=tmp_path / prepared, settings={"precision": "int8"},
        inputs={"any": tmp_path / "inputs.npz"}, folder=tmp_path,
    )  # fmt: skip
    assert outcome.status == "ok", outcome.reason
    assert outcome.value["describe"]["int8_share"] > 0.5


@pytest.mark.parametrize(("form", "in_float"), [("new", []), ("onnx", ["Gemm"])])
def test_tensorrt_takes_the_ranges_of_the_network_when_it_was_published(run, run_native, tmp_path, form, in_float):
    experiment, made, _, _ = run
    source = experiment.run.models / made["models"][f"published-{form}"]["digest"]
    digests = [
        run_native("workbench.lowering.tensorrt:prepare_job", model=folder, models=tmp_path).value["digest"]
        for folder in (source, experiment.run.models / made["models"]["fp32"]["digest"])
    ]
    facts = Model.open(tmp_path / digests[0]).manifest.facts
    assert [
        left["operator"] for left in facts["float_operators"]
    ] == in_float  # paddle2onnx drops a matrix product's pairs
    assert facts["made_symmetric"] == 0
    batch = np.random.default_rng(0).random((4, 3, 16, 16), np.float32)
    int8, float32 = (
        onnxruntime.InferenceSession(str(tmp_path / digest / "model.onnx")).run(None, {"image": batch})[0]
        for digest in digests
    )
    assert 10 * np.log10((float32**2).sum() / ((float32 - int8) ** 2).sum()) > 20


def test_tensorrt_is_refused_in_one_line_when_the_format_is_the_old_one(run, run_native, tmp_path):
    experiment, made, _, _ = run
    source = experiment.run.models / made["models"]["published-old"]["digest"]
    outcome = run_native("workbench.lowering.tensorrt:prepare_job", model=source, models=tmp_path)
    assert outcome.status == Status.UNSUPPORTED
    assert "old format (fake_quantize_*)" in outcome.reason


def test_onnx_is_an_unsupported_row_when_the_backend_takes_paddle_models(run):
    cell = int8_cell(run[2], "paddle_inference", "onnx")
    assert cell["status"] == Status.UNSUPPORTED
    assert "takes paddle models" in cell["reason"]


def test_rows_of_other_cells_are_ok_when_some_are_unsupported(run):
    assert {cell["status"] for key, cell in run[2]["cells"].items() if "-fp32-" in key} == {Status.OK}


def test_published_detector_loses_its_suppression_when_the_float_model_did(run_native, tmp_path):
    outcome = run_native("published_jobs:publish_detector", folder=tmp_path)
    assert outcome.status == "ok", outcome.reason
    whole, quantized = (outcome.value[name] for name in ("float", "int8"))
    assert quantized["left_to_task"] == whole["left_to_task"]
    assert whole["left_to_task"]["nms"]["operator"] == "multiclass_nms3"
    assert quantized["outputs"] == whole["outputs"]
    assert quantized["facts"]["quantized_format"] == "quantize_linear"


# What is refused


@pytest.fixture
def quantize(write_recipe, tmp_path):
    def run_stage(*entries, **changes):
        recipe = write_recipe(quantize=list(entries), **changes)
        return pipeline.quantize(pipeline.open_experiment(recipe, tmp_path / "run"))

    return run_stage


def test_published_asks_for_a_path_when_the_model_is_not_of_the_zoo(quantize):
    with pytest.raises(InputError, match="give the quantized model as `path`"):
        quantize({"method": "published"})


def test_published_is_refused_when_the_file_is_not_there(quantize):
    with pytest.raises(InputError, match=r"absent\.onnx: no such file"):
        quantize({"method": "published", "path": "absent.onnx"})


def test_published_row_is_unsupported_when_nothing_is_quantized(quantize, tiny_paddle, published):
    made = quantize(
        {"method": "published", "path": str(tiny_paddle)},
        {"method": "published", "path": str(published / "float.onnx")},
    )
    rows = [made["models"][key] for key in made["models"] if key != "fp32"]
    assert [row["status"] for row in rows] == [Status.UNSUPPORTED] * 2
    assert all("no operator in it is quantized" in row["reason"] for row in rows)


def test_published_is_refused_when_it_is_another_model(quantize, tiny_models, published):
    with pytest.raises(InputError, match=r"its outputs are .*; give the quantized form of the same model"):
        quantize(
            {"method": "published", "path": str(published / "new")}, model={"path": str(tiny_models / "two_heads")}
        )


# From the zoo


def archive_of(folder, inside):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, inside)
    return buffer.getvalue()


@pytest.fixture
def tiny_zoo(http_server, tiny_paddle, published, tmp_path, monkeypatch):
    """A zoo with the tiny model and its published form, served by this machine."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    entry = {
        "title": "Tiny", "task": "classification", "metric": "top1", "licence": "none",
        "fp32": [{"url": http_server.serve("/tiny_infer.tgz", archive_of(tiny_paddle, "tiny_infer")), "source": "test"}],
        "int8": [{"url": http_server.serve("/tiny_quant.tar", archive_of(published / "new", "tiny_quant")), "source": "test", "strategy": "PTQ"}],
    }  # fmt: skip
    monkeypatch.setattr(zoo, "ZOO_FILE", tmp_path / "zoo.yaml")
    (tmp_path / "zoo.yaml").write_text(
        yaml.safe_dump({"schema_version": 1, "sources": {"test": "a test"}, "models": {"tiny": entry}})
    )
    return http_server


def test_zoo_model_and_its_published_form_are_fetched_when_a_recipe_names_them(tiny_zoo, quantize, tmp_path):
    made = quantize({"method": "published"}, model={"zoo": "tiny"})
    assert [made["models"][key]["status"] for key in ("fp32", "published")] == [Status.OK] * 2
    assert sorted(path for path, _ in tiny_zoo.asked) == ["/tiny_infer.tgz", "/tiny_quant.tar"]
    model = Model.open(tmp_path / "run" / "models" / made["models"]["published"]["digest"])
    assert (model.manifest.name, model.manifest.precision) == ("tiny", "int8")
    again = quantize({"method": "published"}, model={"zoo": "tiny"})
    assert again["models"] == made["models"]
    assert len(tiny_zoo.asked) == 2


def test_zoo_model_is_refused_with_address_and_place_when_there_is_no_network(tiny_zoo, quantize, tmp_path):
    tiny_zoo.pages.clear()
    with pytest.raises(InputError) as refused:
        quantize({"method": "published"}, model={"zoo": "tiny"})
    assert "tiny_quant.tar cannot be fetched: the server answers 404" in str(refused.value)
    assert str(tmp_path / "cache" / "models" / "tiny" / "tiny_quant.tar") in str(refused.value)


def test_recipe_is_refused_when_the_zoo_does_not_know_the_model(tiny_zoo, quantize):
    with pytest.raises(InputError, match="zoo model 'huge': not known; models are: tiny"):
        quantize(model={"zoo": "huge"})
    with pytest.raises(InputError, match=r"no archive 'x\.tar' here"):
        quantize(model={"zoo": "tiny", "archive": "x.tar"})
    assert tiny_zoo.asked == []


@pytest.mark.parametrize("source", [{}, {"zoo": "a", "path": "b"}, {"sample": "a", "zoo": "b"}], ids=str)
def test_model_source_is_refused_when_it_is_not_exactly_one(source):
    with pytest.raises(ValueError, match="give one of"):
        ModelSource.model_validate(source)


def test_variant_is_the_files_name_when_there_is_a_choice():
    assert PublishedOptions().variant() == ""
    assert PublishedOptions(path="a/quant.onnx").variant() == "quant"
    assert PublishedOptions(archive="yolov5s_ptq_model.tar.gz").variant() == "yolov5s_ptq_model"


# Paddle's old layout


def test_old_layout_computes_the_same_when_it_is_imported(published, tiny_paddle, tiny_task_file, run_native, tmp_path):
    paths = {
        "now": tiny_paddle,
        "old": published / "old_layout",
        "one_file": published / "old_layout_one_file" / "__model__",
    }
    outcome = run_native(
        "import_many", sources={name: {"path": path} for name, path in paths.items()}, models=tmp_path / "models"
    )
    assert not [found["error"] for found in outcome.value.values() if found["error"]]
    models = {name: tmp_path / "models" / found["value"] for name, found in outcome.value.items()}
    task = task_spec(TaskSource(file=tiny_task_file, options={"evaluation_images": 4}), tmp_path)
    assert run_native("published_jobs:outputs", models=models, task=task, folder=tmp_path).status == "ok"
    now, old, one_file = (np.load(tmp_path / f"{name}.npy") for name in ("now", "old", "one_file"))
    np.testing.assert_allclose(old, now, atol=1e-6)
    np.testing.assert_allclose(one_file, now, atol=1e-6)
