"""The few exceptions of the workbench. A message is one line: the thing, its value, the fix."""


class WorkbenchError(Exception):
    """Base class; a message that stands alone on one line."""


class InputError(WorkbenchError):
    """What the user gave cannot be used: recipe, model, data, path or argument. Exit code 2."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook: the one line, for the fault is not in the code."""
        return [f"{type(self).__name__}: {self}"]


class UnsupportedError(WorkbenchError):
    """A backend or method cannot do what was asked of it with this model; becomes a row with status `unsupported`."""


class UnavailableError(WorkbenchError):
    """This machine lacks what was asked for; becomes a row with status `unavailable`."""


class DeviceError(WorkbenchError):
    """A GPU ran out of memory, or it or its driver failed; becomes a row with status `failed`."""


class BusyError(InputError):
    """Another process works in the same run folder."""
