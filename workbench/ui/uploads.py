"""Files that come from the browser: their names are made safe, and they stay in a folder of their own."""

import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.errors import InputError

LIMIT_BYTES = 100_000_000
"""The largest file that is taken: the weights of a ResNet50. What is larger is better read where it lies."""
LIMIT = f"{LIMIT_BYTES / 1e6:.0f} MB"
LONGEST_NAME = 100
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def check_size(name: str, size: int) -> None:
    """Raise InputError for a file that is too large to be uploaded; the line says what to do instead."""
    if size > LIMIT_BYTES:
        raise InputError(
            f"upload {name!r}: {size / 1e6:.0f} MB, and {LIMIT} is the limit; copy the file to this machine and give its path"
        )
    if size <= 0:
        raise InputError(f"upload {name!r}: the file is empty; choose another")


def safe_name(given: str) -> str:
    """A file name that is part of no path, is not hidden, and holds letters, digits, `.`, `_` and `-` of ASCII only."""
    last = re.split(r"[/\\\0]", unicodedata.normalize("NFKD", given))[-1]
    stem, dot, ending = UNFIT.sub("_", last).lstrip("._-").rpartition(".")
    name = f"{stem[: LONGEST_NAME - len(ending)]}{dot}{ending[:LONGEST_NAME]}"
    return name.strip("._-") or "upload"


@dataclass(frozen=True)
class UploadFolder:
    """The files that were given together, such as the two of a Paddle model: `runs/uploads/<time>`."""

    path: Path

    @classmethod
    def create(cls, runs: Path) -> "UploadFolder":
        """A new folder below `runs/uploads`; raises InputError where that is a link or cannot be made."""
        uploads = runs.resolve() / "uploads"
        if uploads.is_symlink():
            raise InputError(f"upload folder {uploads}: it is a link; replace it by a folder")
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        try:
            (uploads / stamp).mkdir(parents=True)
        except OSError as error:
            raise InputError(f"upload folder {uploads}: {error.strerror}; free space or mend the permissions") from None
        return cls(uploads / stamp)

    def open(self, name: str) -> "Incoming":
        """A new file for what was given as `name`; one of that name stays, and the new one gets a number."""
        safe = safe_name(name)
        stem, dot, ending = safe.partition(".")
        number = 1
        while True:
            path = self.path / (safe if number == 1 else f"{stem}-{number}{dot}{ending}")
            try:
                # Neither over a file nor through a link.
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            except FileExistsError:
                number += 1
                continue
            return Incoming(path, name, descriptor)


class Incoming:
    """A file that arrives in pieces; what was begun and not closed is removed by `drop`."""

    def __init__(self, path: Path, given: str, descriptor: int) -> None:
        self.path = path
        self.written = 0
        self._given = given
        self._file = os.fdopen(descriptor, "wb")

    def write(self, piece: bytes | memoryview) -> None:
        """Add a piece; raises InputError, and removes the file, once it is larger than is taken."""
        try:
            check_size(self._given, self.written + len(piece))
        except InputError:
            self.drop()
            raise
        self._file.write(piece)
        self.written += len(piece)

    def close(self) -> Path:
        """The whole file's path."""
        self._file.close()
        return self.path

    def drop(self) -> None:
        """Remove what has arrived."""
        self._file.close()
        self.path.unlink(missing_ok=True)
