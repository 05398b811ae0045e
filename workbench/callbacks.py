"""Which callbacks of widgets raised in this kernel. Papermill does not see them; the verdict of a notebook does.

A view of `workbench.ui` keeps what its callbacks raise here, and `pipeline.write_verdict` reads it, without ipywidgets.
"""

import os

# Set, by the notebook runner, in kernels that nobody sits at: views move their own controls, so that a bad callback shows.
EXERCISE = "WORKBENCH_EXERCISE_WIDGETS"

_raised: dict[str, None] = {}


def remember(where: str, error: BaseException) -> str:
    """Keep what a callback raised; returns it as the one line that the verdict will show."""
    message = " ".join(str(error).split())
    line = f"a callback of {where} raised {type(error).__name__}{f': {message}' if message else ''}"
    _raised[line] = None
    return line


def raised() -> list[str]:
    """What callbacks raised since the kernel started, each line once."""
    return list(_raised)


def forget() -> None:
    """Forget them all."""
    _raised.clear()


def nobody_watches() -> bool:
    """Whether views are to move their own controls once they are displayed."""
    return bool(os.environ.get(EXERCISE))
