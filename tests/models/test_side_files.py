"""What travels with a model."""

from pathlib import Path

import pytest

from workbench.models.model import Format, Manifest, Model, TensorSpec
from workbench.models.side_files import DEPLOY_FILES, SIDE_FILES, find_deploy_file, side_files

SPEC = TensorSpec(name="x", dtype="float32", shape=(1,))


def make(models: Path, *files: str, source: Model | None = None) -> Model:
    with Model.build(models, source=source) as draft:
        for name in ("model.onnx", *files):
            (draft.folder / name).write_text(f"of {name}")
        draft.manifest = Manifest(name="net", format=Format.ONNX, inputs=(SPEC,), outputs=(SPEC,))
    assert draft.model is not None
    return draft.model


def test_side_files_travel_when_a_model_is_made_of_another(tmp_path):
    first = make(tmp_path / "a", "deploy.yaml", "labels.txt", "other.txt")
    made = make(tmp_path / "b", source=first)
    assert set(made.manifest.files) == {"model.onnx", "deploy.yaml", "labels.txt"}
    assert (made.folder / "deploy.yaml").read_text() == "of deploy.yaml"
    Model.open(made.folder, verify=True)


def test_side_files_are_no_part_of_the_networks_size_when_it_is_told(tmp_path):
    assert make(tmp_path, "vocab.txt", "infer_cfg.yml").size_mb == len("of model.onnx") / 1e6


def test_models_differ_when_a_side_file_does(tmp_path):
    assert make(tmp_path, "deploy.yaml").digest != make(tmp_path).digest


@pytest.mark.parametrize("name", DEPLOY_FILES)
def test_deploy_file_is_found_when_it_has_one_of_the_names(tmp_path, name):
    assert find_deploy_file(tmp_path) is None
    (tmp_path / "labels.txt").write_text("cat")
    (tmp_path / name).write_text("")
    assert find_deploy_file(tmp_path) == tmp_path / name
    assert {path.name for path in side_files(tmp_path)} == {name, "labels.txt"} <= set(SIDE_FILES)
