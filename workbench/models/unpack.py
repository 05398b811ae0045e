"""Unpacking an archive that came from elsewhere: nothing lands outside its folder, nothing but plain files, and not too much."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workbench.errors import InputError

LARGEST_READ = 64 << 20
"""Bytes that tarfile may ask for at once: a header of gigabytes, which it would hold in memory, is refused."""
COPIED = 1 << 20
COMPRESSIONS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold."""

    unpacked_bytes: int = 4 * 10**9
    members: int = 10_000


def unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack a tar (plain, gz, bz2, xz) or zip file into an empty folder; its content tells which it is.

    Raises InputError, with the member and what is wrong with it: an absolute name, one that leads out of the folder, a link,
    a device, more than the limits; or a file that is broken. What was unpacked by then stays: unpack aside.
    """
    try:
        if zipfile.is_zipfile(archive) and not _is_tar(archive):
            _unpack_zip(archive, folder, limits)
        else:
            _unpack_tar(archive, folder, limits)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{archive}: not a whole archive ({' '.join(str(error).split())[:150]})") from error
    except (NotADirectoryError, IsADirectoryError, FileExistsError, UnicodeError, RuntimeError) as error:
        raise InputError(
            f"{archive}: its members do not fit together ({' '.join(str(error).split())[:150]})"
        ) from error


def _unpack_tar(archive: Path, folder: Path, limits: Limits) -> None:
    with _decompressed(archive) as stream, tarfile.open(fileobj=_Bounded(stream), mode="r:") as tar:
        room = _Room(archive, limits)
        for member in tar:
            room.take(member.name, member.size)
            if not (member.isreg() or member.isdir()):
                raise InputError(
                    f"{archive}: {member.name!r} is a link or a device; a model needs none, so it is refused"
                )
            tar.extract(member, folder, filter="data")


def _unpack_zip(archive: Path, folder: Path, limits: Limits) -> None:
    with zipfile.ZipFile(archive) as opened:
        room = _Room(archive, limits)
        for member in opened.infolist():
            room.take(member.filename, member.file_size)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise InputError(
                    f"{archive}: {member.filename!r} is a link or a device; a model needs none, so it is refused"
                )
            # It reads no further than the size that the member states, and writes an ordinary file.
            opened.extract(member, folder)


class _Room:
    """What is left of the limits; checks the name of each member besides."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self._archive, self._limits = archive, limits
        self._bytes = self._members = 0

    def take(self, name: str, size: int) -> None:
        """Count a member; raises InputError when its name leads out of the folder, or there are too many or too large ones."""
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in name:
            raise InputError(f"{self._archive}: {name!r} leads out of the archive's folder; it is refused")
        self._bytes += size
        self._members += 1
        if self._bytes > self._limits.unpacked_bytes or self._members > self._limits.members:
            raise InputError(
                f"{self._archive}: it unpacks to more than {self._limits.unpacked_bytes} bytes or {self._limits.members} "
                "files; it is refused"
            )


class _Bounded(io.RawIOBase):
    """A file that refuses to be read in one gulp of gigabytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes."""
        if not 0 <= size <= LARGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Whether there is `seek`."""
        return True

    def readable(self) -> bool:
        """Whether there is `read`."""
        return True


@contextmanager
def _decompressed(archive: Path) -> Iterator[Any]:
    with archive.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        opener = next((opener for magic, opener in COMPRESSIONS if start.startswith(magic)), None)
        if opener is None:
            yield file
        else:
            with opener(file, "rb") as stream:
                yield stream


def _is_tar(archive: Path) -> bool:
    """Whether it begins as a tar does: one that holds a zip at its end would pass for a zip."""
    try:
        with _decompressed(archive) as stream:
            return bool(stream.read(262)[257:] == b"ustar")
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False
