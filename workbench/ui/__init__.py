"""Looking at results and starting work from a notebook: views made of widgets.

A view chooses, shows progress and redraws what was saved; the work is done by `workbench.pipeline`. Pictures are the report's
own, drawn by matplotlib off-screen into an `<img>` with alternative text: it looks the same in JupyterLab, in Voilà and in exported
HTML, needs no script there, and is drawn once for all of them.
"""

import importlib
from typing import Any

# The modules have names of their own: a module `explore` would hide the function once it was imported.
_HOMES = {
    "compare": "workbench.ui.comparison",
    "explore": "workbench.ui.explorer",
    "layers": "workbench.ui.layer_choice",
    "new_experiment": "workbench.ui.experiment_form",
    "predict": "workbench.ui.prediction",
}
__all__ = ["compare", "explore", "layers", "new_experiment", "predict"]


def __getattr__(name: str) -> Any:
    """Load a view when it is first used, and nothing of the others."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench.ui' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
