"""A web server of the workbench in a process of its own, as `make lab` and `make app` start it."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import psutil

TOKEN = "a-token-that-the-tests-know"
LIMIT_S = 240
ADDRESS = re.compile(r"(http://\S+?:(\d+)\S*)")


class LocalServer:
    """Started with `code`, which must not return; its output goes to `log`. Ends at the end of the `with` block."""

    def __init__(self, code: str, *arguments: object, log: Path, environment: dict[str, str]) -> None:
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)], stdout=stream, stderr=subprocess.STDOUT,
                env=os.environ | {"JUPYTER_TOKEN": TOKEN, "PYDEVD_DISABLE_FILE_VALIDATION": "1"} | environment,
            )  # fmt: skip
        self.port = self._wait_until_it_listens()

    def __enter__(self) -> "LocalServer":
        return self

    def __exit__(self, *_: object) -> None:
        family = [*psutil.Process(self.process.pid).children(recursive=True)] if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for child in family:
            if child.is_running():
                child.kill()

    @property
    def said(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(errors="replace")

    def url(self, path: str = "/", *, token: str = TOKEN) -> str:
        """Address of a page."""
        return f"http://127.0.0.1:{self.port}{path}" + (f"{'&' if '?' in path else '?'}token={token}" if token else "")

    def status(self, path: str, *, token: str = "", method: str = "GET") -> tuple[int, str]:
        """Status that it answers with, and where to it sends on."""
        opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.url(path, token=token), method=method), timeout=30) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Location", "")

    def read(self, path: str, *, method: str = "GET") -> str:
        """A page, with the token."""
        return self._open(path, method=method)[0]

    def header(self, path: str, name: str) -> str:
        """A header of a page, with the token."""
        return self._open(path)[1].get(name, "")

    def listening(self) -> set[str]:
        """Addresses at which it, its kernels included, takes connections."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        found = []
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # a child that has ended meanwhile
                found += process.net_connections(kind="inet")
        return {connection.laddr.ip for connection in found if connection.status == psutil.CONN_LISTEN}

    def _open(self, path: str, *, method: str = "GET") -> tuple[str, Message]:
        request = urllib.request.Request(self.url(path), method=method, headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.read().decode(), answer.headers

    def _wait_until_it_listens(self) -> int:
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and self.process.poll() is None:
            if found := ADDRESS.search(self.said):
                try:
                    socket.create_connection(("127.0.0.1", int(found[2])), timeout=1).close()
                except OSError:
                    continue
                return int(found[2])
            time.sleep(0.2)
        self.process.kill()
        raise AssertionError(f"it did not start:\n{self.said[-3000:]}")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def taken_port() -> socket.socket:
    """A socket that holds a port of the loopback until it is closed."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    held.listen()
    return held
