"""Fetching over http(s) from a server of this machine that breaks off, lies and redirects."""

import sys
from pathlib import Path

import pytest

from workbench.models import download as module
from workbench.models.download import DownloadError, download

LIMIT = 10**7
CONTENT = bytes(range(256)) * 4096  # 1 MiB


def fetched(url, tmp_path, **options):
    target = tmp_path / "file.tar"
    download(url, target, **({"limit": LIMIT} | options))
    return target.read_bytes()


def left_behind(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_download_gives_the_file_and_leaves_nothing_else_when_all_goes_well(http_server, tmp_path):
    told = []
    url = http_server.serve("/a.tar", CONTENT)
    assert fetched(url, tmp_path, progress=lambda *said: told.append(said)) == CONTENT
    assert left_behind(tmp_path) == ["file.tar"]
    assert told[-1] == (len(CONTENT), len(CONTENT), "file.tar")


def test_download_goes_over_https_when_the_certificate_is_trusted(https_server, tmp_path):
    assert fetched(https_server.serve("/a.tar", CONTENT), tmp_path) == CONTENT


def test_download_is_refused_when_the_certificate_is_not_trusted(https_server, tmp_path, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(DownloadError, match="certificate"):
        fetched(https_server.serve("/a.tar", CONTENT), tmp_path)
    assert https_server.asked == []


def test_download_takes_up_where_it_stopped_when_the_transfer_breaks(http_server, tmp_path):
    url = http_server.serve("/a.tar", CONTENT, break_after=400_000)
    assert fetched(url, tmp_path) == CONTENT
    assert [asked for _, asked in http_server.asked] == ["", "bytes=400000-", "bytes=800000-"]


def test_download_takes_up_a_part_when_it_is_called_again(http_server, tmp_path):
    url = http_server.serve("/a.tar", CONTENT, break_after=100_000)
    with pytest.raises(DownloadError, match=r"of 1048576 bytes|IncompleteRead"):
        fetched(url, tmp_path)
    assert (tmp_path / "file.tar.part").stat().st_size == 100_000 * module.ATTEMPTS
    http_server.pages["/a.tar"].break_after = None
    assert fetched(url, tmp_path) == CONTENT
    assert http_server.asked[-1] == ("/a.tar", f"bytes={100_000 * module.ATTEMPTS}-")
    assert left_behind(tmp_path) == ["file.tar"]


def test_download_starts_anew_when_the_file_changed_since(http_server, tmp_path):
    url = http_server.serve("/a.tar", CONTENT, break_after=100_000)
    with pytest.raises(DownloadError):
        fetched(url, tmp_path)
    other = CONTENT[::-1]
    http_server.serve("/a.tar", other, etag='"v2"')
    assert fetched(url, tmp_path) == other


@pytest.mark.parametrize("behaviour", [{"ranges": False}, {"etag": ""}, {"etag": 'W/"weak"'}], ids=str)
def test_download_starts_anew_when_the_server_cannot_resume(http_server, tmp_path, behaviour):
    url = http_server.serve("/a.tar", CONTENT, break_after=100_000, **behaviour)
    with pytest.raises(DownloadError):
        fetched(url, tmp_path)
    http_server.pages["/a.tar"].break_after = None
    assert fetched(url, tmp_path) == CONTENT


def test_download_starts_anew_when_the_part_is_longer_than_the_file(http_server, tmp_path):
    url = http_server.serve("/a.tar", CONTENT, break_after=100_000)
    with pytest.raises(DownloadError):
        fetched(url, tmp_path)
    http_server.serve("/a.tar", CONTENT[:1000])
    assert fetched(url, tmp_path) == CONTENT[:1000]


def test_download_starts_anew_when_the_part_is_of_another_address(http_server, tmp_path):
    with pytest.raises(DownloadError):
        fetched(http_server.serve("/a.tar", CONTENT[::-1], break_after=1000), tmp_path)
    assert fetched(http_server.serve("/b.tar", CONTENT), tmp_path) == CONTENT


def test_download_fails_and_keeps_the_part_when_it_stays_truncated(http_server, tmp_path):
    url = http_server.serve("/a.tar", CONTENT, break_after=0)
    with pytest.raises(DownloadError):
        fetched(url, tmp_path)
    assert len(http_server.asked) == module.ATTEMPTS
    assert "file.tar" not in left_behind(tmp_path)


def test_download_keeps_the_bytes_as_they_are_when_the_server_calls_them_encoded(http_server, tmp_path):
    assert fetched(http_server.serve("/a.tar.gz", CONTENT, encoding="gzip"), tmp_path) == CONTENT


@pytest.mark.parametrize("states_length", [True, False])
def test_download_is_refused_when_the_file_is_too_large(http_server, tmp_path, states_length):
    url = http_server.serve("/a.tar", CONTENT, states_length=states_length)
    with pytest.raises(DownloadError, match="more than the 1000"):
        fetched(url, tmp_path, limit=1000)
    assert not (tmp_path / "file.tar").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1000


def test_download_fails_at_once_when_the_file_is_not_there(http_server, tmp_path):
    with pytest.raises(DownloadError, match="404"):
        fetched(http_server.address + "/none.tar", tmp_path)
    assert len(http_server.asked) == 1


def test_download_tries_again_when_the_server_is_ill(http_server, tmp_path):
    with pytest.raises(DownloadError, match="503"):
        fetched(http_server.serve("/a.tar", b"ill", status=503), tmp_path)
    assert len(http_server.asked) == module.ATTEMPTS


def test_download_tells_what_is_wrong_when_nobody_listens(http_server, tmp_path):
    with pytest.raises(DownloadError, match=r"(?i)refused"):
        fetched("https://127.0.0.1:9/a.tar", tmp_path)


# What is not safe


@pytest.mark.parametrize(
    "url",
    [
        "http://example.invalid/a.tar",
        "http://10.0.0.1/a.tar",
        "http://localhost.example.invalid/a",
        "ftp://127.0.0.1/a",
    ],
)
def test_download_asks_nobody_when_the_address_is_not_https(url, tmp_path, monkeypatch):
    monkeypatch.setattr(module.requests.Session, "get", lambda *_, **__: pytest.fail("it asked"))
    with pytest.raises(DownloadError, match="is not https"):
        fetched(url, tmp_path)


def test_download_follows_a_redirect_when_it_stays_with_https(https_server, tmp_path):
    https_server.serve("/b.tar", CONTENT)
    assert fetched(https_server.serve("/a.tar", redirect="/b.tar"), tmp_path) == CONTENT


def test_download_refuses_a_redirect_when_it_leads_from_https_to_http(https_server, http_server, tmp_path):
    target = http_server.serve("/b.tar", CONTENT)
    with pytest.raises(DownloadError, match="not https"):
        fetched(https_server.serve("/a.tar", redirect=target), tmp_path)
    assert http_server.asked == []
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("target", ["http://example.invalid/b.tar", "file:///etc/passwd", "ftp://127.0.0.1/b.tar"])
def test_download_refuses_a_redirect_when_it_leads_elsewhere_without_https(http_server, tmp_path, target):
    with pytest.raises(DownloadError, match="is not https"):
        fetched(http_server.serve("/a.tar", redirect=target), tmp_path)


def test_download_ends_when_redirects_lead_in_a_circle(http_server, tmp_path):
    with pytest.raises(DownloadError, match="redirects"):
        fetched(http_server.serve("/a.tar", redirect="/a.tar"), tmp_path)


def test_download_loads_no_runtime_when_imported():
    assert Path(sys.modules["workbench.models.download"].__file__).name == "download.py"
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert not [name for name in ("paddle", "onnx", "pickle") if f"import {name}" in source]
