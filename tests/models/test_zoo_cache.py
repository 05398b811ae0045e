"""The zoo's cache: fetched, taken up by hand, checked against checksums, unpacked in one step, and never a pickle."""

import io
import json
import os
import pickle
import re
import tarfile
from pathlib import Path

import pytest

from workbench.cache import cache_folder
from workbench.errors import InputError
from workbench.files import file_digest
from workbench.models import zoo_cache
from workbench.models.zoo import Archive
from workbench.models.zoo_cache import CachedArchive, Found, find_model

NETWORK = {
    "net/model.pdmodel": b"program",
    "net/model.pdiparams": b"weights" * 1000,
    "net/infer_cfg.yml": b"mode: paddle",
}
OFFLINE = "https://127.0.0.1:9/net.tar"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("WORKBENCH_CACHE", str(folder))
    monkeypatch.setattr(zoo_cache.download.__globals__["time"], "sleep", lambda _: None)
    return folder


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cached(url, **fields):
    return CachedArchive("tiny", Archive(url=url, source="test", **fields))


def put_by_hand(archive, content):
    archive.file.parent.mkdir(parents=True, exist_ok=True)
    archive.file.write_bytes(content)


# Where


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WORKBENCH_CACHE": "/somewhere"}, "/somewhere"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/quant-workbench"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/quant-workbench"),
        ({}, "/home/me/.cache/quant-workbench"),
    ],
    ids=str,
)
def test_cache_folder_is_where_the_environment_says_when_it_says_so(monkeypatch, environment, expected):
    for name in ("WORKBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"HOME": "/home/me"}).items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_archive_is_asked_for_by_https_when_it_was_published_with_http():
    assert cached("http://example.invalid/a/net.tar").url == "https://example.invalid/a/net.tar"


# Fetched


def test_fetch_gives_the_model_when_the_server_has_it(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)))
    assert archive.found() is Found.NOTHING
    found = archive.fetch()
    assert found.path.read_bytes() == b"program"
    assert (found.path.parent / "infer_cfg.yml").is_file()
    assert archive.found() is Found.READY
    assert archive.fetch() == found
    assert len(http_server.asked) == 1
    archive.verify()


def test_fetch_gives_an_onnx_file_when_the_archive_is_one(http_server):
    found = cached(http_server.serve("/net.onnx", b"network")).fetch()
    assert (found.path.name, found.path.read_bytes()) == ("net.onnx", b"network")


def test_fetch_takes_up_a_broken_transfer_when_called_again(http_server):
    content = tar({"net/model.pdmodel": b"p", "net/model.pdiparams": os.urandom(300_000)})
    archive = cached(http_server.serve("/net.tar", content, break_after=50_000))
    with pytest.raises(InputError):
        archive.fetch()
    assert archive.found() is Found.PART
    http_server.pages["/net.tar"].break_after = None
    assert archive.fetch().path.is_file()
    assert http_server.asked[-1][1].startswith("bytes=")


# Without a network


def test_fetch_names_address_and_place_when_there_is_no_network():
    archive = cached(OFFLINE)
    with pytest.raises(InputError) as refused:
        archive.fetch()
    said = str(refused.value)
    assert OFFLINE in said
    assert str(archive.file) in said
    assert "\n" not in said
    assert archive.file.parent.is_dir()


def test_fetch_takes_the_file_when_it_was_put_there_by_hand(cache):
    archive = cached(OFFLINE)
    put_by_hand(archive, tar(NETWORK))
    assert archive.found() is Found.ARCHIVE
    assert archive.fetch().path.read_bytes() == b"program"
    assert archive.file == cache / "models" / "tiny" / "net.tar"


def test_fetch_keeps_the_users_file_when_it_is_refused():
    archive = cached(OFFLINE)
    put_by_hand(archive, b"<html>log in first</html>")
    with pytest.raises(InputError, match="not a whole archive"):
        archive.fetch()
    assert sorted(path.name for path in archive.file.parent.iterdir()) == [".lock", "net.tar"]


def test_fetch_gets_the_archive_anew_when_the_first_one_was_cut_short_unseen(http_server):
    content = tar({"net/model.pdmodel": b"p", "net/model.pdiparams": os.urandom(100_000)})
    archive = cached(http_server.serve("/net.tar", content, states_length=False, break_after=50_000))
    with pytest.raises(InputError, match="not a whole archive"):
        archive.fetch()
    http_server.pages["/net.tar"].break_after = None
    assert archive.fetch().path.read_bytes() == b"p"


# Checksums


def test_fetch_refuses_and_removes_the_file_when_its_checksum_is_not_the_published_one(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)), sha256="0" * 64)
    with pytest.raises(InputError, match=r"not the 0{64} that its publisher states"):
        archive.fetch()
    assert archive.found() is Found.NOTHING


def test_fetch_goes_on_when_the_checksum_is_the_published_one(http_server, tmp_path):
    content = tar(NETWORK)
    (tmp_path / "file").write_bytes(content)
    cached(http_server.serve("/net.tar", content), sha256=file_digest(tmp_path / "file")).fetch()


def test_fetch_keeps_the_users_file_when_its_checksum_is_wrong():
    archive = cached(OFFLINE, sha256="0" * 64)
    put_by_hand(archive, tar(NETWORK))
    with pytest.raises(InputError, match="publisher states"):
        archive.fetch()
    assert archive.found() is Found.ARCHIVE


def test_fetch_refuses_when_the_file_is_not_that_of_the_first_use(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)))
    archive.fetch()
    assert archive.verify() == "as it was at its first use"
    record = json.loads(archive.file.with_name("net.tar.json").read_text())
    assert record["sha256"] == file_digest(archive.file)
    zoo_cache.shutil.rmtree(archive.unpacked)
    archive.file.unlink()
    http_server.serve("/net.tar", tar(NETWORK | {"net/more": b"x"}), etag='"v2"')
    with pytest.raises(
        InputError, match=r"at its first use; fetch it again; if its publisher changed it, remove .*net\.tar\.json"
    ):
        archive.fetch()
    assert archive.found() is Found.NOTHING


@pytest.mark.parametrize("call", ["fetch", "verify"])
def test_change_is_found_when_an_unpacked_file_is_not_what_it_was(http_server, call):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)))
    archive.fetch().path.write_bytes(b"PROGRAM")
    with pytest.raises(InputError, match=r"model\.pdmodel is missing or was changed"):
        getattr(archive, call)()


def test_verify_finds_a_changed_archive_when_only_that_was_changed(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)))
    archive.fetch()
    archive.file.write_bytes(tar(NETWORK | {"net/more": b"x"}))
    with pytest.raises(InputError, match="at its first use"):
        archive.verify()


def test_verify_says_so_when_there_is_nothing_to_compare_with():
    archive = cached(OFFLINE)
    put_by_hand(archive, tar(NETWORK))
    assert archive.verify() == "not used yet, so there is nothing to compare it with"


def test_verify_asks_for_a_fetch_when_there_is_nothing(http_server):
    with pytest.raises(InputError, match="workbench models fetch"):
        cached(http_server.serve("/net.tar", tar(NETWORK))).verify()
    assert http_server.asked == []


# What is in it


def test_fetch_leaves_nothing_unpacked_when_the_archive_is_refused(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK | {"../evil": b"x"})))
    with pytest.raises(InputError, match=r"'\.\./evil' leads out"):
        archive.fetch()
    assert sorted(path.name for path in archive.file.parent.iterdir()) == [".lock"]
    assert not (archive.file.parent.parent / "evil").exists()


def test_fetch_clears_what_a_killed_one_left_when_called_again(http_server):
    archive = cached(http_server.serve("/net.tar", tar(NETWORK)))
    stale = archive.file.parent / ".unfinished-x"
    stale.mkdir(parents=True)
    (stale / "half").write_bytes(b"1")
    archive.unpacked.mkdir()
    archive.fetch()
    assert not stale.exists()


def test_find_model_takes_the_weights_when_they_are_called_otherwise(tmp_path):
    (tmp_path / "model.pdmodel").touch()
    (tmp_path / "params.pdiparams").touch()
    (tmp_path / "._model.pdmodel").touch()
    found = find_model(tmp_path)
    assert (found.path, found.params) == (tmp_path / "model.pdmodel", tmp_path / "params.pdiparams")


def test_find_model_names_them_when_there_are_two(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=re.escape("2 models in it (a.onnx, b.onnx)")):
        find_model(tmp_path)


# Pickles


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["model.pdparams", "model.pdopt", "model.pkl", "model.pt"])
def test_fetch_refuses_when_the_archive_holds_only_a_pickle(http_server, tmp_path, name):
    marker = tmp_path / "marker"
    archive = cached(http_server.serve("/net.tar", tar({name: pickle.dumps(Evil(marker))})))
    with pytest.raises(InputError, match=f"only {re.escape(name)}, a pickle"):
        archive.fetch()
    assert not marker.exists()


def test_import_loads_no_pickle_when_the_archive_holds_some_beside_the_model(
    http_server, tmp_path, tiny_paddle, run_native
):
    marker = tmp_path / "marker"
    evil = pickle.dumps(Evil(marker))
    files = {f"net/{path.name}": path.read_bytes() for path in tiny_paddle.iterdir()}
    stem = next(path.stem for path in tiny_paddle.glob("*.pdmodel"))
    pickles = (
        f"{stem}.pdparams",
        f"{stem}.pdopt",
        f"{stem}.pdiparams.info",
        "model.pkl",
        "__init__.py",
        "sitecustomize.py",
    )
    found = cached(http_server.serve("/net.tar", tar(files | {f"net/{name}": evil for name in pickles}))).fetch()
    outcome = run_native("import_many", sources={"tiny": {"path": found.path}}, models=tmp_path / "models")
    assert outcome.value["tiny"]["error"] == ""
    assert not marker.exists()
    imported = [path.name for path in (tmp_path / "models").rglob("*") if path.is_file()]
    assert sorted(imported) == ["manifest.json", "model.pdiparams", "model.pdmodel"]
    pickle.loads(evil)
    assert marker.exists()
