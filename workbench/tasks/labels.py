"""The names of classes, from a file."""

from pathlib import Path

from workbench.errors import InputError
from workbench.tasks.text_files import read_text_file


def read_labels(path: Path) -> tuple[str, ...]:
    """The name of a class in each line; a line may start with the class's number, as PaddleClas writes them.

    Raises InputError for a file that cannot be read or has no name.
    """
    text = read_text_file(path, what="labels", fix="give a file with the name of a class in each line")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"labels {path}: no class name in it; write one a line")
    if all(line.split(maxsplit=1)[0] == str(number) and " " in line for number, line in enumerate(lines)):
        lines = [line.split(maxsplit=1)[1] for line in lines]
    return tuple(lines)
