"""Importers: what a model source may look like, what is read from it, and how bad ones are refused."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from workbench.errors import InputError
from workbench.experiment import ModelSource
from workbench.files import file_digest
from workbench.models.importers import find_paddle_files, source_files
from workbench.models.model import Format, Model

IMPORT = "workbench.models.importers:import_job"
TOLERANCE = 1e-4


@pytest.mark.parametrize("given", ["", "tiny.pdmodel", "tiny"])
def test_paddle_files_are_found_when_given_by_folder_file_or_stem(tiny_paddle, given):
    found = find_paddle_files(tiny_paddle / given)
    assert (found.model, found.params) == (tiny_paddle / "tiny.pdmodel", tiny_paddle / "tiny.pdiparams")


def test_paddle_files_are_found_when_the_stem_holds_dots(tiny_paddle, tmp_path):
    for ending in ("pdmodel", "pdiparams"):
        shutil.copy(tiny_paddle / f"tiny.{ending}", tmp_path / f"net.v1.5.{ending}")
    assert find_paddle_files(tmp_path / "net.v1.5").params == tmp_path / "net.v1.5.pdiparams"


@pytest.fixture(scope="module")
def given_otherwise(tiny_paddle, run_native, tmp_path_factory):
    """The tiny model imported with its files under other names, and not cleaned."""
    files, models = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("models")
    shutil.copy(tiny_paddle / "tiny.pdmodel", files / "__model__.pdmodel")
    shutil.copy(tiny_paddle / "tiny.pdiparams", files / "weights.bin")
    sources = {
        "renamed": {"path": files / "__model__.pdmodel", "params": files / "weights.bin", "name": "tiny"},
        "not_cleaned": {"path": tiny_paddle, "clean": False},
    }
    found = run_native("import_many", sources=sources, models=models).value
    return {name: Model.open(models / found[name]["value"]) for name in sources}


def test_paddle_model_is_imported_when_its_weights_have_another_name(given_otherwise, imported):
    assert given_otherwise["renamed"].digest == imported["tiny"].digest


def test_imported_paddle_model_says_what_it_is_when_opened(imported):
    model = imported["tiny"]
    assert model.manifest.format is Format.PADDLE
    assert [str(spec) for spec in model.manifest.inputs] == ["image float32 Nx3x16x16"]
    assert [spec.shape for spec in model.manifest.outputs] == [(-1, 4)]
    assert model.manifest.facts["params_m"] == pytest.approx(0.0015, abs=1e-4)
    assert model.manifest.versions["paddlepaddle"]


def test_imported_paddle_model_keeps_its_files_when_not_to_be_cleaned(given_otherwise, tiny_paddle):
    model = given_otherwise["not_cleaned"]
    for ending in ("pdmodel", "pdiparams"):
        assert file_digest(model.folder / f"model.{ending}") == file_digest(tiny_paddle / f"tiny.{ending}")
    assert "clean_up" not in model.manifest.facts


def test_imported_model_says_what_was_cleaned_when_it_was(imported):
    assert imported["tiny"].manifest.facts["clean_up"]["applied"] == {
        "fold_batch_norm": 2,
        "fold_bias": 1,
    }
    assert imported["tiny"].manifest.facts["clean_up"]["largest_difference"] < 1e-5
    assert imported["tiny"].summary().endswith("; cleaned: 1 fold bias, 2 fold batch norm")
    assert imported["strange"].manifest.facts["clean_up"] == {"applied": {}, "largest_difference": 0.0}


def test_imported_onnx_model_keeps_its_names_when_x2paddle_changes_them(imported, tiny_onnx):
    graph = onnx.load(str(tiny_onnx)).graph
    manifest = imported["onnx"].manifest
    assert [spec.name for spec in manifest.inputs] == [value.name for value in graph.input] == ["image"]
    assert [spec.name for spec in manifest.outputs] == [value.name for value in graph.output]
    assert set(manifest.tensor_map) == {"image", manifest.outputs[0].name}
    assert manifest.tensor_map["image"] != "image"


def test_imported_onnx_model_gives_equal_outputs_when_run_by_paddle(imported, tiny_onnx, run_native, tmp_path):
    images = np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)
    np.savez(tmp_path / "images.npz", image=images)
    original = run_native("run_onnx_file", path=tiny_onnx, inputs=tmp_path / "images.npz").value
    converted = run_native(
        "run_session", backend="paddle_inference", model=imported["onnx"].folder, settings={}, folder=tmp_path,
        inputs={"outputs": tmp_path / "images.npz"},
    ).value["runs"]["outputs"]  # fmt: skip
    (name,) = original
    with np.load(converted["value"]) as outputs:
        assert np.abs(outputs[name] - np.array(original[name])).max() < TOLERANCE


@pytest.fixture(scope="module")
def bad_sources(tiny_models, tmp_path_factory):
    """Model files that are there and cannot be used, by name."""
    folder = tmp_path_factory.mktemp("bad")
    model, params = ((tiny_models / "tiny" / f"tiny.{kind}").read_bytes() for kind in ("pdmodel", "pdiparams"))
    files = {
        "half_model": (model[: len(model) // 2], params),
        "half_params": (model, params[: len(params) // 2]),
        "other_params": (model, (tiny_models / "wide" / "wide.pdiparams").read_bytes()),
        "text_model": (b"this is text\n" * 50, params),
    }
    for name, contents in files.items():
        for kind, content in zip(("pdmodel", "pdiparams"), contents, strict=True):
            (folder / f"{name}.{kind}").write_bytes(content)
    (folder / "text.onnx").write_text("this is text\n")
    (folder / "half.onnx").write_bytes((tiny_models / "onnx" / "tiny.onnx").read_bytes()[:4000])
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Det", ["x"], ["y"])], "graph", tensors[:1], tensors[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "determinant.onnx"
    )
    return {path.stem if path.suffix == ".pdmodel" else path.name: path for path in folder.glob("*.*[lx]")}


@pytest.fixture(scope="module")
def refusals(bad_sources, tiny_onnx, run_native, tmp_path_factory):
    """What became of importing each of them, and what was left behind."""
    models = tmp_path_factory.mktemp("models")
    sources = {name: {"path": path} for name, path in bad_sources.items()}
    sources["unknown_input"] = {"path": tiny_onnx, "input_shapes": {"picture": [1, 3, 16, 16]}}
    outcome = run_native("import_many", sources=sources, models=models)
    assert outcome.status == "ok", outcome.reason
    return outcome.value, list(models.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("half_model", "is the file whole"),
        ("half_params", "is the file whole"),
        ("other_params", "[64] in the .pdiparams file; give the two files of one model"),
        ("text_model", "Paddle cannot load it"),
        ("text.onnx", "not a readable ONNX model"),
        ("half.onnx", "not a readable ONNX model"),
        ("determinant.onnx", "it has no Det); export it with other operators"),
    ],
)
def test_import_refuses_the_model_in_one_line_when_its_files_are_bad(refusals, bad_sources, name, said):
    found = refusals[0][name]
    assert found["error"] == "InputError"
    assert said in found["reason"]
    assert str(bad_sources[name].with_suffix("") if "." not in name else bad_sources[name]) in found["reason"]
    assert len(found["reason"].splitlines()) == 1


def test_import_names_the_inputs_when_input_shapes_has_another(refusals):
    found = refusals[0]["unknown_input"]
    assert found["error"] == "InputError"
    assert found["reason"].endswith("input_shapes names 'picture'; its inputs are: image")


def test_import_leaves_nothing_behind_when_it_fails(refusals):
    assert refusals[1] == []


def test_import_fault_is_the_users_when_the_worker_finds_it(bad_sources, run_native, tmp_path):
    with pytest.raises(InputError, match="not a readable ONNX model"):
        run_native(IMPORT, source={"path": bad_sources["text.onnx"]}, models=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_source_is_refused_when_there_is_no_such_file(tmp_path):
    for path in (tmp_path / "absent", tmp_path / "absent.onnx", tmp_path / "absent.pdmodel"):
        with pytest.raises(InputError, match=f"model {path}: no such file") as refused:
            source_files(ModelSource(path=path))
        assert len(str(refused.value).splitlines()) == 1


def test_source_is_refused_when_the_weights_are_missing(tiny_paddle, tmp_path):
    shutil.copy(tiny_paddle / "tiny.pdmodel", tmp_path)
    with pytest.raises(InputError, match=f"its weights {tmp_path}/tiny.pdiparams are missing; put them there or name"):
        source_files(ModelSource(path=tmp_path))


@pytest.mark.parametrize("ending", ["pdmodel", "pdiparams"])
def test_source_is_refused_when_a_paddle_file_is_empty(tiny_paddle, tmp_path, ending):
    shutil.copytree(tiny_paddle, tmp_path / "model")
    (tmp_path / "model" / f"tiny.{ending}").write_bytes(b"")
    with pytest.raises(InputError, match=rf"tiny\.{ending}: empty; fetch or export it again"):
        source_files(ModelSource(path=tmp_path / "model"))


def test_source_is_refused_when_a_folder_holds_no_model_or_several(tiny_paddle, tmp_path):
    with pytest.raises(InputError, match=r"0 \.pdmodel files in this folder; give the path of one"):
        source_files(ModelSource(path=tmp_path))
    for name in ("a", "b"):
        shutil.copy(tiny_paddle / "tiny.pdmodel", tmp_path / f"{name}.pdmodel")
    with pytest.raises(InputError, match=r"2 \.pdmodel files"):
        source_files(ModelSource(path=Path(tmp_path)))


def test_import_is_refused_when_the_network_would_write_a_file(imported, run_native, tmp_path):
    evil, marker = tmp_path / "evil", tmp_path / "marker"
    outcome = run_native("published_jobs:add_saving", model=imported["tiny"].folder, target=evil, marker=marker)
    assert outcome.status == "ok", outcome.reason
    outcome = run_native("import_many", sources={"evil": {"path": evil}}, models=tmp_path / "models")
    assert "its operator save reads or writes files" in outcome.value["evil"]["reason"]
    assert not marker.exists()
