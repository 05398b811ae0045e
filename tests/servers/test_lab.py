"""`make lab`: for this machine only, with a token, on the project's kernel, whatever the user's own configuration says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_server import LocalServer, taken_port
from processes import running_children

START = "import sys; from workbench.servers import lab; lab.main()"


@pytest.fixture(scope="module")
def lab(careless_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """JupyterLab, asked for a port that is taken."""
    log = tmp_path_factory.mktemp("lab") / "log"
    with taken_port() as held:
        port = held.getsockname()[1]
        with LocalServer(START, "--no-browser", f"--port={port}", log=log, environment=careless_home) as server:
            assert server.port != port
            yield server


def test_lab_listens_on_loopback_only_when_the_users_configuration_says_otherwise(lab: LocalServer) -> None:
    assert lab.listening() == {"127.0.0.1"}


def test_lab_takes_another_port_and_says_which_when_the_one_asked_for_is_taken(lab: LocalServer) -> None:
    assert "is already in use, trying another port" in lab.said
    assert lab.status("/api/contents", token="a-token-that-the-tests-know")[0] == 200


@pytest.mark.parametrize("path", ["/api/contents", "/api/kernelspecs", "/api/terminals", "/api/sessions"])
def test_lab_refuses_when_the_token_is_missing_or_wrong(lab: LocalServer, path: str) -> None:
    assert lab.status(path)[0] == 403
    assert lab.status(path, token="wrong")[0] == 403


@pytest.mark.parametrize("path", ["/lab", "/lab/tree/notebooks", "/files/README.md"])
def test_lab_asks_for_the_token_when_a_page_is_opened_without(lab: LocalServer, path: str) -> None:
    status, location = lab.status(path)
    assert (status, location.split("?")[0]) == (302, "/login")


def test_lab_hands_out_no_picture_when_voila_is_installed_beside_it(lab: LocalServer) -> None:
    assert lab.status("/voila/files/docs/images/demo_latency.png")[0] == 404


def test_lab_opens_on_the_course_when_started(lab: LocalServer) -> None:
    assert "/lab/tree/notebooks" in lab.said
    assert "notebooks" in {entry["name"] for entry in json.loads(lab.read("/api/contents"))["content"]}


def test_lab_has_the_projects_kernel_only_when_others_of_its_name_exist(lab: LocalServer) -> None:
    specs = json.loads(lab.read("/api/kernelspecs"))["kernelspecs"]
    assert list(specs) == ["python3"]
    lab.read("/api/kernels", method="POST")
    kernels = [command[0] for _, command in running_children(lab.process.pid) if "ipykernel_launcher" in command]
    assert kernels == [sys.executable]
    assert lab.listening() == {"127.0.0.1"}


def test_lab_stops_with_a_line_when_another_address_is_asked_for(careless_home: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workbench.servers.lab", "--ip=0.0.0.0", "--no-browser"], capture_output=True, text=True,
        timeout=60, env={**careless_home, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "ip only accepts one value" in done.stderr
