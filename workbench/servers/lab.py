"""JupyterLab on the course: `python -m workbench.servers.lab [options of jupyter lab]`."""

import os
import sys
from pathlib import Path

from workbench.notebooks import NOTEBOOKS
from workbench.servers.guards import LOOPBACK

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
        # Neither is asked for, and both would ask the internet.
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
    }
    return [*extra, *(f"--{name}={value}" for name, value in fixed.items())]


def main() -> None:
    """Start it, and the browser if there is one."""
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(arguments(sys.argv[1:]))


if __name__ == "__main__":
    main()
