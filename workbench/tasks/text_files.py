"""Reading a text file that a recipe names."""

from pathlib import Path

from workbench.errors import InputError


def read_text_file(path: Path, *, what: str, fix: str) -> str:
    """The text of a UTF-8 file; raises InputError, with what the file is and what to give instead, when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"{what} {path}: {reason}; {fix}") from None
