"""Archives that somebody made to do harm, and honest ones in every format."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from workbench.errors import InputError
from workbench.models.unpack import Limits, unpack

FILES = {"net/model.pdmodel": b"program", "net/model.pdiparams": b"weights" * 1000}
SMALL = Limits(unpacked_bytes=100_000, members=20)


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar_of(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, content)
    return path


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "outer" / "target"
    folder.mkdir(parents=True)
    return folder


def outside(tmp_path, archive):
    """All that lies in the test's folder, the archive and the target's content left out."""
    return sorted(
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if path != archive and not path.is_relative_to(tmp_path / "outer" / "target") and not path.is_dir()
    )


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")]
)
def test_unpack_gives_every_file_when_the_tar_is_honest(tmp_path, target, name, mode):
    members = [member("net", type=tarfile.DIRTYPE, mode=0o755), *(member(*pair) for pair in FILES.items())]
    unpack(tar_of(tmp_path / name, *members, mode=mode), target, SMALL)
    assert {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()} == FILES


def test_unpack_gives_every_file_when_the_zip_is_honest(tmp_path, target):
    unpack(zip_of(tmp_path / "a.zip", *((name, data, 0) for name, data in FILES.items())), target, SMALL)
    assert {str(p.relative_to(target)): p.read_bytes() for p in target.rglob("*") if p.is_file()} == FILES


def test_unpack_heeds_the_content_when_the_name_says_otherwise(tmp_path, target):
    """Published `.tar` files that are gzipped, and `.tgz` files that are not, exist."""
    unpack(tar_of(tmp_path / "a.tgz", member("f", b"1"), mode="w"), target, SMALL)
    assert (target / "f").read_bytes() == b"1"


MALICIOUS = {
    "absolute": member("/tmp/workbench_evil", b"x"),
    "dotdot": member("../evil", b"x"),
    "dotdot_inside": member("net/../../evil", b"x"),
    "symlink_out": member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "symlink_up": member("link", type=tarfile.SYMTYPE, linkname="../../evil"),
    "symlink_inside": member("link", type=tarfile.SYMTYPE, linkname="net"),
    "hardlink_out": member("link", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "hardlink_up": member("link", type=tarfile.LNKTYPE, linkname="../evil"),
    "character_device": member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block_device": member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
    "fifo": member("pipe", type=tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("kind", MALICIOUS)
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_unpack_refuses_when_a_tar_member_is_malicious(tmp_path, target, kind, mode):
    archive = tar_of(tmp_path / "a.tar", member("first", b"1"), MALICIOUS[kind], member("last", b"1"), mode=mode)
    with pytest.raises(InputError, match="refused") as refused:
        unpack(archive, target, SMALL)
    assert repr(MALICIOUS[kind][0].name) in str(refused.value)
    assert outside(tmp_path, archive) == []
    assert not (target / "last").exists()
    assert [path for path in target.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())] == []


@pytest.mark.parametrize(
    ("name", "mode"),
    [("/tmp/workbench_evil", 0), ("../evil", 0), ("a/../../evil", 0), ("..\\evil", 0), ("link", stat.S_IFLNK | 0o777), ("null", stat.S_IFCHR)],
)  # fmt: skip
def test_unpack_refuses_when_a_zip_member_is_malicious(tmp_path, target, name, mode):
    archive = zip_of(tmp_path / "a.zip", ("first", b"1", 0), (name, b"/etc/passwd", mode))
    with pytest.raises(InputError, match="refused"):
        unpack(archive, target, SMALL)
    assert outside(tmp_path, archive) == []
    assert [path.name for path in target.rglob("*")] == ["first"]


def test_unpack_takes_rights_away_when_a_file_would_run_as_its_owner(tmp_path, target):
    archive = tar_of(tmp_path / "a.tar", member("tool", b"#!/bin/sh", mode=0o6777, uid=0, gid=0))
    unpack(archive, target, SMALL)
    mode = (target / "tool").stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | stat.S_IWGRP | stat.S_IWOTH)


def test_unpack_stops_when_a_tar_is_a_bomb(tmp_path, target):
    archive = tar_of(tmp_path / "a.tgz", member("small", b"1"), member("zeros", bytes(10**7)))
    assert archive.stat().st_size < 50_000
    with pytest.raises(InputError, match="more than 100000 bytes"):
        unpack(archive, target, SMALL)
    assert not (target / "zeros").exists()


def test_unpack_stops_when_a_zip_is_a_bomb(tmp_path, target):
    archive = zip_of(tmp_path / "a.zip", *((f"zeros{index}", bytes(60_000), 0) for index in range(5)))
    with pytest.raises(InputError, match="more than 100000 bytes"):
        unpack(archive, target, SMALL)
    assert sum(path.stat().st_size for path in target.rglob("*")) <= SMALL.unpacked_bytes


def test_unpack_stops_when_there_are_too_many_members(tmp_path, target):
    archive = tar_of(tmp_path / "a.tar", *(member(f"f{index}") for index in range(30)))
    with pytest.raises(InputError, match="20 files"):
        unpack(archive, target, SMALL)


def test_unpack_reads_no_header_of_gigabytes_when_a_tar_states_one(tmp_path, target):
    """A pax header is read into memory as a whole: compressed zeros would fill it."""
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "a.tgz").write_bytes(gzip.compress(info.tobuf() + bytes(10_000)))
    with pytest.raises(InputError, match="header of 1073741824 bytes"):
        unpack(tmp_path / "a.tgz", target, SMALL)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8bbroken", b"PK\x03\x04broken"], ids=repr)
def test_unpack_tells_when_the_file_is_no_archive(tmp_path, target, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(InputError, match="not a whole archive"):
        unpack(tmp_path / "a.tar", target, SMALL)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_unpack_tells_when_the_archive_is_truncated(tmp_path, target, kept):
    whole = tar_of(tmp_path / "whole.tgz", *(member(f"f{i}", bytes(range(256)) * 20) for i in range(8))).read_bytes()
    (tmp_path / "a.tgz").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match="not a whole archive"):
        unpack(tmp_path / "a.tgz", target, SMALL)


def test_unpack_tells_when_a_file_is_also_a_folder(tmp_path, target):
    with pytest.raises(InputError, match="do not fit together"):
        unpack(tar_of(tmp_path / "a.tar", member("f", b"1"), member("f/g", b"1")), target, SMALL)
