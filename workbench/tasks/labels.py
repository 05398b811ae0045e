"""The names of classes, from a file."""

from pathlib import Path

from workbench.errors import InputError


def read_labels(path: Path) -> tuple[str, ...]:
    """The name of a class in each line; a line may start with the class's number, as PaddleClas writes them.

    Raises InputError for a file that cannot be read.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"labels {path}: {reason}; give a file with the name of a class in each line") from None
    if lines and all(line.split(maxsplit=1)[0] == str(number) and " " in line for number, line in enumerate(lines)):
        lines = [line.split(maxsplit=1)[1] for line in lines]
    return tuple(lines)
