"""What TensorRT says, and the one line of it that tells what went wrong."""

import logging
from typing import Any

from workbench.backends.gpu.faults import memory_ran_out

logger = logging.getLogger(__name__)
LONGEST = 300


def message_log(tensorrt: Any, *, said: list[str] | None = None) -> Any:
    """A logger of TensorRT's that passes warnings and errors on to ours, and keeps the errors; `said` gets every message."""

    class MessageLog(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if said is not None:
                said.append(message)
            if severity in (tensorrt.ILogger.ERROR, tensorrt.ILogger.INTERNAL_ERROR):
                self._errors.append(message)
            if severity not in (tensorrt.ILogger.INFO, tensorrt.ILogger.VERBOSE):
                logger.warning("TensorRT: %s", message)

        def complaint(self) -> str:
            """The errors since it was last asked, in one line: the one about memory where there is one, or else the last."""
            errors, self._errors = self._errors, []
            return complaint(errors)

    return MessageLog()


def complaint(errors: list[str]) -> str:
    """The error that tells most, in one line."""
    lines = [" ".join(error.split())[:LONGEST] for error in errors]
    return next(filter(memory_ran_out, lines), lines[-1] if lines else "it gives no reason")
