"""`make app`: a page for this machine only, with a token, that hands out no file and executes nothing sent to it."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import websocket
from local_server import LocalServer, taken_port

START = "from workbench.servers import app; app.main()"
TOKEN = "a-token-that-the-tests-know"


@pytest.fixture(scope="module")
def app(careless_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The page's server, asked for a port that is taken."""
    log = tmp_path_factory.mktemp("app") / "log"
    with taken_port() as held:
        port = held.getsockname()[1]
        with LocalServer(START, "--no-browser", f"--port={port}", log=log, environment=careless_home) as server:
            assert server.port != port
            yield server


@pytest.fixture(scope="module")
def kernel(app: LocalServer) -> str:
    """Id of the kernel behind a page that was opened."""
    page = app.read("/")
    assert "<pre>" not in page, "sources are on the page"
    config = re.search(r'id="jupyter-config-data" type="application/json">\s*(\{.*?\})\s*</script>', page, re.DOTALL)
    assert config
    return str(json.loads(config[1])["kernelId"])


def test_app_listens_on_loopback_only_when_a_page_is_open(app: LocalServer, kernel: str) -> None:
    assert app.listening() == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/", "/api/kernels/00000000-0000-4000-8000-000000000000", "/explorer.ipynb"])
def test_app_asks_for_the_token_when_it_is_missing_or_wrong(app: LocalServer, path: str) -> None:
    for token in ("", "wrong"):
        status, location = app.status(path, token=token)
        assert (status, location.split("?")[0]) in {(302, "/login"), (403, "")}


@pytest.mark.parametrize("path", ["explorer.ipynb", "app.py", "../../README.md", "plot.png"])
def test_app_hands_out_no_file_when_the_token_is_known(app: LocalServer, path: str) -> None:
    assert app.status(f"/voila/files/{path}", token=TOKEN)[0] == 403


def test_app_offers_no_folder_and_no_new_kernel_when_the_token_is_known(app: LocalServer) -> None:
    assert app.status("/voila/api/contents", token=TOKEN)[0] != 200
    assert app.status("/api/kernels", token=TOKEN, method="POST")[0] in {403, 404, 405}


def test_app_executes_nothing_when_a_page_sends_code(app: LocalServer, kernel: str, tmp_path: Path) -> None:
    written = tmp_path / "written"
    channel = websocket.create_connection(
        f"ws://127.0.0.1:{app.port}/api/kernels/{kernel}/channels", header=[f"Authorization: token {TOKEN}"], timeout=30
    )
    code = {"code": f"open({str(written)!r}, 'w')", "silent": False, "allow_stdin": False}
    for kind, content in (("execute_request", code), ("kernel_info_request", {})):
        header = {"msg_id": uuid4().hex, "msg_type": kind, "session": "s", "username": "u", "version": "5.3"}
        channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}))  # fmt: skip
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if json.loads(channel.recv())["header"]["msg_type"] == "kernel_info_reply":
            break
    channel.close()
    assert not written.exists()


def test_app_refuses_a_page_without_token_when_it_opens_a_web_socket(app: LocalServer, kernel: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(f"ws://127.0.0.1:{app.port}/api/kernels/{kernel}/channels", timeout=30)
    assert refused.value.status_code == 403


def test_app_lets_the_page_ask_no_other_server_when_opened(app: LocalServer) -> None:
    assert app.header("/login", "Content-Security-Policy").startswith("default-src 'self' ")
