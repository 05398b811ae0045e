"""JupyterLab on the course: `python -m workbench.servers.lab [options of jupyter lab]`."""

import os
import sys
from pathlib import Path

from workbench.notebooks import NOTEBOOKS
from workbench.servers.guards import LOOPBACK

# Turns off two parts of JupyterLab's page: news, which asks the internet, and the button for Voilà, whose server is the other one.
CONFIGURATION = Path(__file__).with_name("jupyter")
FIRST = ("notebooks/index.ipynb", "notebooks")


def arguments(extra: list[str], *, root: Path = NOTEBOOKS.parent) -> list[str]:
    """The command line of JupyterLab: the user's own options, then those that are not theirs to change."""
    first = next((name for name in FIRST if (root / name).exists()), "")
    fixed = {
        "ServerApp.ip": LOOPBACK,
        "ServerApp.root_dir": str(root),
        "ServerApp.kernel_spec_manager_class": "workbench.servers.guards.OwnKernel",
        "ServerApp.identity_provider_class": "workbench.servers.guards.AlwaysToken",
        # Voila's part in this server hands out the pictures below root_dir without asking for the token.
        "ServerApp.jpserver_extensions": "voila.server_extension=False",
        "ServerApp.allow_root": str(os.geteuid() == 0),
        "LabApp.default_url": f"/lab/tree/{first}",
    }
    return [*extra, *(f"--{name}={value}" for name, value in fixed.items())]


def start(options: list[str]) -> None:
    """Start JupyterLab, and the browser if there is one; returns when it is stopped."""
    from jupyterlab.labapp import LabApp

    given = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, (str(CONFIGURATION), given)))
    LabApp.launch_instance(options)


def main() -> None:
    """The command."""
    start(arguments(sys.argv[1:]))


if __name__ == "__main__":
    main()
