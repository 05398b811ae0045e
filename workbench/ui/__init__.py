"""Looking at results and starting work from a notebook: views made of widgets.

A view chooses, shows progress and redraws what was saved; the work is done by `workbench.pipeline`. Pictures are the report's
own panels as SVG (`workbench.report.svg`) in an `<img>` with alternative text: they look the same in JupyterLab, in Voilà and in
exported HTML, need no script and no library there, and are drawn in a millisecond each, where matplotlib takes a quarter to two
thirds of a second, so that everything is redrawn at every choice. Matplotlib draws the files that are saved.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.ui.comparison import compare
    from workbench.ui.experiment_form import new_experiment
    from workbench.ui.explorer import explore
    from workbench.ui.layer_choice import layers
    from workbench.ui.prediction import predict

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
