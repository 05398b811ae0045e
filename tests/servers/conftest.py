"""A home whose Jupyter configuration undoes all protection and brings kernels of its own, and a server started in it."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "assets"))

OPEN_TO_ALL = """
c.ServerApp.ip = "0.0.0.0"
c.IdentityProvider.token = ""
c.PasswordIdentityProvider.hashed_password = ""
"""
FOREIGN_KERNEL = {
    "argv": ["/no/such/python", "-f", "{connection_file}"],
    "display_name": "foreign",
    "language": "python",
}


@pytest.fixture(scope="session")
def careless_home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables of a user with another Jupyter first on PATH and another kernel `python3` on JUPYTER_PATH."""
    home = tmp_path_factory.mktemp("home")
    (home / ".jupyter").mkdir()
    (home / ".jupyter" / "jupyter_server_config.py").write_text(OPEN_TO_ALL)
    voila = {"Voila": {"ip": "0.0.0.0", "token": ""}, "IdentityProvider": {"token": ""}}
    (home / ".jupyter" / "voila.json").write_text(json.dumps(voila))
    for data in (home / ".local" / "share" / "jupyter", home / "elsewhere"):
        (data / "kernels" / "python3").mkdir(parents=True)
        (data / "kernels" / "python3" / "kernel.json").write_text(json.dumps(FOREIGN_KERNEL))
    other = home / "bin" / "jupyter"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    return {"HOME": str(home), "JUPYTER_PATH": str(home / "elsewhere"), "PATH": f"{other.parent}:/usr/bin:/bin"}
