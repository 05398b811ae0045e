"""Where the workbench keeps on this machine what several runs share."""

import os
from pathlib import Path

CACHE_VARIABLE = "WORKBENCH_CACHE"


def cache_folder() -> Path:
    """The workbench's cache: $WORKBENCH_CACHE, or `quant-workbench` in the user's cache folder (XDG)."""
    if stated := os.environ.get(CACHE_VARIABLE):
        return Path(stated).expanduser().resolve()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / "quant-workbench"
