"""Models on disk: making, opening, verifying."""

import json
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.files import file_digest
from workbench.models.model import MANIFEST, Format, Manifest, Model, TensorSpec, copy_files
from workbench.models.scales import ActivationRange, Scales

IMAGE = TensorSpec(name="image", dtype="float32", shape=(-1, 3, 8, 8))
SCALES = Scales(
    activations={"image": ActivationRange(minimum=-0.5, maximum=1.5, absmax=1.4)},
    kept_in_float={"onnxruntime": {"image": "it is the worst"}},
)
SCORES = TensorSpec(name="scores", dtype="float32", shape=(-1, 10))
FILES = {"model.onnx": b"network", "extra/labels.txt": b"cat\ndog\n"}


def manifest(**changes: object) -> Manifest:
    return Manifest(**{"name": "net", "format": Format.ONNX, "inputs": (IMAGE,), "outputs": (SCORES,)} | changes)


def build(folder: Path, files: dict[str, bytes] = FILES, **changes: object) -> Model:
    with Model.build(folder) as draft:
        for name, data in files.items():
            (draft.folder / name).parent.mkdir(exist_ok=True)
            (draft.folder / name).write_bytes(data)
        draft.manifest = manifest(**changes)
    assert draft.model is not None
    return draft.model


def test_build_lands_under_the_digest_when_filled(tmp_path):
    model = build(tmp_path / "models")
    assert model.folder == tmp_path / "models" / model.digest
    assert model.manifest.files == {name: file_digest(model.folder / name) for name in FILES}
    assert model.size_mb == pytest.approx(sum(map(len, FILES.values())) / 1e6)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [model.digest]


def test_size_is_that_of_the_stored_files_when_there_are_such(tmp_path):
    model = build(tmp_path, FILES | {"stored/model.onnx": b"net", "stored_not.txt": b"more"})
    assert model.size_mb == pytest.approx(3 / 1e6)


def test_build_keeps_the_first_when_an_equal_model_is_there(tmp_path):
    first = build(tmp_path)
    made = (first.folder / MANIFEST).stat().st_mtime_ns
    second = build(tmp_path)
    assert second.folder == first.folder
    assert (second.folder / MANIFEST).stat().st_mtime_ns == made
    assert len(list(tmp_path.iterdir())) == 1


def test_build_leaves_nothing_when_it_fails(tmp_path):
    def build_half() -> None:
        with Model.build(tmp_path) as draft:
            (draft.folder / "model.onnx").write_bytes(b"half")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        build_half()
    assert list(tmp_path.iterdir()) == []


def test_build_refuses_when_the_manifest_is_forgotten(tmp_path):
    with pytest.raises(ValueError, match="needs its manifest"), Model.build(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_open_gives_the_same_model_when_it_was_built(tmp_path):
    built = build(tmp_path, method="static", variant="hist", scales=SCALES, parent="p")
    opened = Model.open(built.folder, verify=True)
    assert opened.manifest == built.manifest
    assert opened.digest == built.digest
    assert opened.label == "net/static/hist"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"precision": "int8"},
        {"method": "static"},
        {"variant": "hist"},
        {"scales": SCALES},
        {"inputs": (IMAGE, IMAGE)},
        {"files": {"model.onnx": b"Network"}},
        {"files": {"renamed.onnx": b"network"}},
    ],
    ids=str,
)
def test_digest_differs_when_the_content_does(tmp_path, change):
    assert build(tmp_path, **change).digest != build(tmp_path).digest


def test_digest_is_equal_when_only_the_history_differs(tmp_path):
    other = build(tmp_path / "b", facts={"seconds": 3.0}, versions={"paddle": "3"}, parent="p")
    assert other.digest == build(tmp_path / "a").digest


def test_open_with_verify_names_the_file_when_it_was_changed(tmp_path):
    model = build(tmp_path)
    (model.folder / "extra" / "labels.txt").write_bytes(b"dog\ncat\n")
    Model.open(model.folder)
    with pytest.raises(InputError, match=r"labels\.txt: missing or changed since it was made; remove .* and run again"):
        Model.open(model.folder, verify=True)


def test_open_with_verify_names_the_file_when_it_is_gone(tmp_path):
    model = build(tmp_path)
    model.onnx_file.unlink()
    with pytest.raises(InputError, match=r"model\.onnx: missing or changed"):
        Model.open(model.folder, verify=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is broken"),
        (b"{", "is broken"),
        (b"[]", "is broken"),
        (b"\xff\xfe", "is broken"),
        (b'{"name": "net"}', "is broken"),
    ],
    ids=repr,
)
def test_open_tells_in_one_line_when_the_manifest_is_broken(tmp_path, text, message):
    (tmp_path / MANIFEST).write_bytes(text)
    with pytest.raises(InputError, match=message) as caught:
        Model.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_open_refuses_when_the_manifest_has_an_unknown_key(tmp_path):
    model = build(tmp_path)
    data = json.loads((model.folder / MANIFEST).read_text())
    (model.folder / MANIFEST).write_text(json.dumps(data | {"colour": "red"}))
    with pytest.raises(InputError, match="is broken"):
        Model.open(model.folder)


def test_open_says_so_when_there_is_no_model(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(InputError, match=r"no manifest\.json in it; it is not a folder that the workbench made"):
            Model.open(folder)


def test_label_leaves_out_what_says_nothing_when_the_model_is_plain(tmp_path):
    assert build(tmp_path).label == "net"


def test_files_have_their_places_when_a_runtime_asks(tmp_path):
    model = build(tmp_path)
    assert model.onnx_file.read_bytes() == b"network"
    assert model.paddle_prefix == model.folder / "model"


def test_copy_files_takes_all_but_the_manifest_when_copying(tmp_path):
    model = build(tmp_path / "models")
    copy_files(model, tmp_path / "copy")
    found = {
        str(path.relative_to(tmp_path / "copy")): path.read_bytes()
        for path in (tmp_path / "copy").rglob("*")
        if path.is_file()
    }
    assert found == FILES


def test_tensor_spec_reads_well_when_an_axis_is_dynamic():
    assert str(IMAGE) == "image float32 Nx3x8x8"
    assert str(TensorSpec(name="n", dtype="int64", shape=())) == "n int64 "


def test_scales_name_what_stays_in_float_when_a_backend_asks():
    scales = Scales(kept_in_float={"onnxruntime": {"image": "worst"}, "all": {"conv.w": "skip_tensors"}})
    assert scales.in_float("onnxruntime") == {"image", "conv.w"}
    assert scales.in_float("openvino") == {"conv.w"}


def test_float_twin_is_the_model_beside_it_when_the_manifest_names_one(tmp_path):
    twin = build(tmp_path)
    assert build(tmp_path, precision="int8", float_twin=twin.digest).float_twin.digest == twin.digest


def test_float_twin_is_refused_when_there_is_none(tmp_path):
    with pytest.raises(InputError, match="names no float twin"):
        _ = build(tmp_path).float_twin
