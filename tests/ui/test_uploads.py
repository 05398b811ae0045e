"""Files from the browser stay in their folder, whatever they are called, and what is too large is refused in a line."""

import stat

import pytest

from workbench.errors import InputError
from workbench.ui.upload_control import UploadControl
from workbench.ui.uploads import UploadFolder, safe_name

HOSTILE = [
    "../../evil.onnx", "/etc/passwd", "..\\..\\evil.onnx", "~/.bashrc", ".hidden", "..", ".", "", "a\0b/../c", "con\nfirm.png",
    "<img src=x onerror=alert(1)>.png", "\uff0e\uff0e\uff0fevil", "\u202egnp.exe", "x" * 500 + ".onnx", "a/b/", "-rf", "$(touch x).png",
]  # fmt: skip


def store(folder, name, data):
    """A whole file, as the control keeps it."""
    incoming = folder.open(name)
    incoming.write(data)
    return incoming.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_upload_stays_in_its_folder_when_its_name_is_hostile(tmp_path, name):
    folder = UploadFolder.create(tmp_path / "runs")
    path = store(folder, name, b"content")
    assert path.resolve().parent == folder.path
    assert path.read_bytes() == b"content"
    assert path.name.isascii()
    assert not path.name.startswith((".", "-"))
    assert len(path.name) <= 101
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_name_stays_when_it_is_a_good_one():
    assert safe_name("model_v1.2-int8.pdmodel") == "model_v1.2-int8.pdmodel"
    assert safe_name("Ziffer ä.png") == "Ziffer_a_.png"


def test_file_is_kept_when_another_of_its_name_is_uploaded(tmp_path):
    folder = UploadFolder.create(tmp_path)
    first, second = store(folder, "a.onnx", b"1"), store(folder, "a.onnx", b"2")
    assert (first.read_bytes(), second.read_bytes(), second.name) == (b"1", b"2", "a-2.onnx")


def test_upload_goes_through_no_link_when_one_is_in_its_place(tmp_path):
    folder = UploadFolder.create(tmp_path / "runs")
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (folder.path / "a.onnx").symlink_to(target)
    (folder.path / "dangling.onnx").symlink_to(tmp_path / "nowhere")
    assert store(folder, "a.onnx", b"evil").name == "a-2.onnx"
    assert store(folder, "dangling.onnx", b"evil").name == "dangling-2.onnx"
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


def test_upload_is_refused_when_the_folder_is_a_link(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs" / "uploads").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="it is a link; replace it by a folder"):
        UploadFolder.create(tmp_path / "runs")


def test_upload_is_no_program_when_it_is_stored(tmp_path):
    path = store(UploadFolder.create(tmp_path), "run.sh", b"#!/bin/sh")
    assert not stat.S_IMODE(path.stat().st_mode) & 0o111


# The control


@pytest.fixture
def control(tmp_path, monkeypatch):
    """A control that remembers what it tells the browser, in `sent`."""
    made = UploadControl(tmp_path / "runs")
    made.sent = []
    monkeypatch.setattr(type(made), "send", lambda self, content, buffers=None: self.sent.append(content["kind"]))
    return made


def test_control_gives_all_files_when_the_last_has_arrived(control):
    for name, data, last in (("m.pdmodel", b"network", False), ("m.pdiparams", b"weights", True)):
        control._answer(control, {"kind": "begin", "name": name, "size": len(data), "first": not last}, [])
        for piece in (data[:3], data[3:]):
            control._answer(control, {"kind": "piece"}, [memoryview(piece)])
        assert control.paths == ()
        control._answer(control, {"kind": "end", "last": last}, [])
    assert [(path.name, path.read_bytes()) for path in control.paths] == [
        ("m.pdmodel", b"network"),
        ("m.pdiparams", b"weights"),
    ]
    assert len({path.parent for path in control.paths}) == 1
    assert set(control.sent) == {"go_on"}


def test_control_refuses_in_one_line_when_a_file_has_200_mb(control, tmp_path):
    control._answer(control, {"kind": "begin", "name": "big.onnx", "size": 200_000_000, "first": True}, [])
    assert (
        control.status
        == "upload 'big.onnx': 200 MB, and 100 MB is the limit; copy the file to this machine and give its path"
    )
    assert control.sent == ["stop"]
    assert not (tmp_path / "runs").exists()


def test_control_removes_a_file_when_more_arrives_than_was_said(control, monkeypatch, tmp_path):
    monkeypatch.setattr("workbench.ui.uploads.LIMIT_BYTES", 10)
    control._answer(control, {"kind": "begin", "name": "sly.onnx", "size": 1, "first": True}, [])
    control._answer(control, {"kind": "piece"}, [b"x" * 11])
    assert control.status.startswith("upload 'sly.onnx': ")
    assert control.sent == ["go_on", "stop"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "message",
    [{"kind": "piece"}, {"kind": "end"}, {"kind": "nonsense"}, {}, {"kind": "begin", "name": "a", "size": "big"}],
)
def test_control_goes_on_when_a_message_makes_no_sense(control, message):
    control._answer(control, message, [b"x"])
    assert control.paths == ()
