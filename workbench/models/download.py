"""Fetching a file over https: resumed where it broke off, limited in size, landing in one step."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from workbench.errors import InputError
from workbench.files import write_json

Progress = Callable[[int, int, str], None]
CHUNK = 1 << 20
ATTEMPTS = 4
PAUSE_S = 1.0
TIMEOUT_S = (15.0, 60.0)
"""Seconds to connect, and between two pieces."""
MAX_REDIRECTS = 5
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE, SERVER_ERROR = 206, 416, 500


class DownloadError(InputError):
    """A file could not be had from its address; the message tells why, in a few words."""


class _Broken(Exception):
    """A transfer that stopped and may be taken up again."""


@dataclass(frozen=True)
class _Version:
    """What tells whether the server still has the file that a partial one is of."""

    url: str
    validator: str
    """A strong ETag, or the date of the last change; empty when the server states neither."""


def download(url: str, target: Path, *, limit: int, progress: Progress | None = None) -> None:
    """Fetch `url` into `target`, by way of `target`.part, which a later call takes up where this one stopped.

    `limit`: bytes at most. `progress` is told bytes done, bytes in all (0: not known) and the file's name. Plain http is
    refused except from this machine itself, as is a redirect from https to it. Raises DownloadError.
    """
    part = target.with_name(f"{target.name}.part")
    with requests.Session() as session:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _continue(session, url, part, limit=limit, progress=progress)
                break
            except (_Broken, requests.RequestException, HTTPError) as error:
                if attempt == ATTEMPTS or isinstance(error, requests.exceptions.SSLError):
                    raise DownloadError(_reason(error)) from error
                time.sleep(PAUSE_S * attempt)
    part.replace(target)
    _version_file(part).unlink(missing_ok=True)


def _continue(session: Any, url: str, part: Path, *, limit: int, progress: Progress | None) -> None:
    """Bring `part` to its full length, from where it is where the server lets us."""
    known = _read_version(part)
    start = part.stat().st_size if part.is_file() and known and known.url == url and known.validator else 0
    headers = {"Accept-Encoding": "identity"}
    if start and known:
        # The server sends the rest only when it is of the same file, otherwise all of it.
        headers |= {"Range": f"bytes={start}-", "If-Range": known.validator}
    with _open(session, url, headers) as response:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise _Broken("the partial file is not the beginning of the server's")
        if response.status_code >= SERVER_ERROR:
            raise _Broken(f"the server answers {response.status_code} {response.reason}")
        if not response.ok:
            raise DownloadError(f"the server answers {response.status_code} {response.reason}")
        if response.status_code != PARTIAL_CONTENT or not _starts_at(response, start):
            start = 0
        if response.status_code == PARTIAL_CONTENT and start == 0:
            part.unlink(missing_ok=True)
            raise _Broken("the server sends another part than was asked for")
        _take(response, part, start, _Version(url, _validator(response)), limit=limit, progress=progress)


def _take(
    response: Any, part: Path, start: int, version: _Version, *, limit: int, progress: Progress | None
) -> None:  # fmt: skip
    stated = response.headers.get("Content-Length", "")
    total = start + int(stated) if stated.isdigit() else 0
    if total > limit:
        raise DownloadError(f"it has {total} bytes, more than the {limit} allowed")
    write_json(_version_file(part), asdict(version))
    done, label = start, part.name.removesuffix(".part")
    with part.open("ab" if start else "wb") as file:
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            file.write(chunk)
            done += len(chunk)
            if done > limit:
                break
            if progress is not None:
                progress(done, total, label)
    if done > limit:
        part.unlink()
        raise DownloadError(f"it has more than the {limit} bytes allowed")
    if total and done < total:
        raise _Broken(f"the transfer ended after {done} of {total} bytes")


def _open(session: Any, url: str, headers: dict[str, str]) -> Any:
    """The answer to a request, redirects followed as far as they are safe."""
    _refuse_plain_http(url)
    for _ in range(MAX_REDIRECTS + 1):
        response = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, allow_redirects=False)
        if not response.is_redirect:
            return response
        target = urljoin(url, response.headers["Location"])
        response.close()
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise DownloadError(f"it leads on to {target}, which is not https")
        _refuse_plain_http(target)
        url = target
    raise DownloadError(f"more than {MAX_REDIRECTS} redirects")


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise DownloadError(f"{url} is not https")


def is_loopback(host: str) -> bool:
    """Whether a host of an address is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _starts_at(response: Any, start: int) -> bool:
    return bool(response.headers.get("Content-Range", "").startswith(f"bytes {start}-"))


def _validator(response: Any) -> str:
    etag = str(response.headers.get("ETag", ""))
    return etag if etag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_version(part: Path) -> _Version | None:
    try:
        return _Version(**json.loads(_version_file(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _reason(error: BaseException) -> str:
    """A few words: what lies at the bottom of a chain of wrapped errors."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    inner: BaseException = error
    while nested := next((arg for arg in inner.args if isinstance(arg, BaseException)), None) or getattr(
        inner, "reason", None
    ):
        if not isinstance(nested, BaseException):
            break
        inner = nested
    return " ".join(str(inner).split())[:200] or type(inner).__name__
