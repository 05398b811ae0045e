"""Task families: the data, the pre- and post-processing and the metric of a problem."""

from workbench.tasks.base import Inputs, Outputs, Sample, Task, TaskOptions

__all__ = ["Inputs", "Outputs", "Sample", "Task", "TaskOptions"]
