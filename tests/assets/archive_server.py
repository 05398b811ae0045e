"""A web server of this machine that serves a few files, and misbehaves where a test asks for it."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Of localhost, signed by itself, with its key: made for these tests with `openssl req -x509`, good for nothing else."""


@dataclass
class Page:
    """One file, and how it is served."""

    content: bytes = b""
    etag: str = '"v1"'
    ranges: bool = True
    break_after: int | None = None
    """Bytes of each answer after which the connection is cut."""
    states_length: bool = True
    redirect: str = ""
    status: int = 200
    encoding: str = ""


@dataclass
class ArchiveServer:
    """Pages by path, and what was asked for."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and `Range` header of each request."""

    def serve(self, path: str, content: bytes = b"", **behaviour: object) -> str:
        """Serve `content` at `path`; returns its address."""
        self.pages[path] = Page(content, **behaviour)  # type: ignore[arg-type]
        return self.address + path


@contextmanager
def running(*, https: bool = False) -> Iterator[ArchiveServer]:
    """A server while it runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    if https:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found = ArchiveServer(f"{'https' if https else 'http'}://127.0.0.1:{server.server_port}")
    server.archive_server = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: ArchiveServer = self.server.archive_server  # type: ignore[attr-defined]
        wanted = self.headers.get("Range", "")
        server.asked.append((self.path, wanted))
        page = server.pages.get(self.path, Page(b"not here", status=404))
        self.close_connection = True
        if page.redirect:
            self._head(302, {"Location": page.redirect, "Content-Length": "0"})
            return
        start = self._start(page, wanted)
        if start > len(page.content):
            self._head(416, {"Content-Length": "0"})
            return
        body = page.content[start:]
        headers = {"ETag": page.etag} if page.etag else {}
        if page.encoding:
            headers["Content-Encoding"] = page.encoding
        if page.states_length:
            headers["Content-Length"] = str(len(body))
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(page.content) - 1}/{len(page.content)}"
        self._head(206 if start else page.status, headers)
        self.wfile.write(body if page.break_after is None else body[: page.break_after])

    def _start(self, page: Page, wanted: str) -> int:
        if not page.ranges or not wanted or self.headers.get("If-Range", page.etag) != page.etag:
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""
