"""Quantization workbench: quantize, deploy on each backend, check accuracy, measure, show."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.models.model import Model
    from workbench.pipeline.doctor import doctor
    from workbench.pipeline.opening import open_experiment
    from workbench.pipeline.verdict import conclude
    from workbench.records import read_records
    from workbench.tasks import Sample, Task, TaskOptions

__version__ = "0.1.0"

_HOMES = {
    "Model": "workbench.models.model",
    "Sample": "workbench.tasks",
    "Task": "workbench.tasks",
    "TaskOptions": "workbench.tasks",
    "conclude": "workbench.pipeline",
    "doctor": "workbench.pipeline",
    "open_experiment": "workbench.pipeline",
    "read_records": "workbench.records",
}
__all__ = ["Model", "Sample", "Task", "TaskOptions", "conclude", "doctor", "open_experiment", "read_records"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package alone is to cost nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
