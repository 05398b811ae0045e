"""The zoo's archives on this machine: fetched or put there by hand, checked, unpacked, and the model found in them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.cache import cache_folder
from workbench.errors import InputError
from workbench.files import file_digest, write_json
from workbench.models.download import DownloadError, Progress, download, is_loopback
from workbench.models.unpack import Limits, unpack
from workbench.models.zoo import Archive

LARGEST_ARCHIVE = 2 * 10**9
UNPACKED = ".unpacked"
PICKLES = (".pdparams", ".pdopt", ".pdstates", ".pkl", ".pickle", ".pt", ".pth")


class Found(StrEnum):
    """What lies here of an archive."""

    NOTHING = "no"
    PART = "in part"
    ARCHIVE = "archive"
    READY = "ready"


class Record(BaseModel):
    """What was found out about an archive when it was first unpacked; later it must still be so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    sha256: str
    bytes: int
    first_used: str
    files: dict[str, str] = Field(default_factory=dict, description="sha256 of every unpacked file")


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model in an unpacked archive; `params` is for Paddle models whose weights are called otherwise."""

    path: Path
    params: Path | None = None


class CachedArchive:
    """One archive of a zoo model and its place in the cache: `<cache>/models/<model>/<file name>`."""

    def __init__(self, model: str, archive: Archive) -> None:
        self.model, self.archive = model, archive
        self.file = cache_folder() / "models" / model / archive.file_name

    @property
    def unpacked(self) -> Path:
        """The folder with its content."""
        return self.file.with_name(f"{self.file.name}{UNPACKED}")

    @property
    def url(self) -> str:
        """Where it is asked for: by https, even where it was published with http."""
        parts = urlsplit(self.archive.url)
        return self.archive.url if is_loopback(parts.hostname or "") else parts._replace(scheme="https").geturl()

    def found(self) -> Found:
        """What lies here of it; checks nothing."""
        if self.unpacked.is_dir() and self._record() is not None:
            return Found.READY
        if self.file.is_file():
            return Found.ARCHIVE
        return Found.PART if self.file.with_name(f"{self.file.name}.part").is_file() else Found.NOTHING

    def fetch(self, *, progress: Progress | None = None) -> ModelFiles:
        """The model's files, fetched, checked and unpacked where they are not yet.

        A file that lies at `file` is taken instead of a download. Raises InputError: no network, a wrong checksum, an
        archive that is refused, a changed file, no model in it.
        """
        with self._locked():
            if self.found() is not Found.READY:
                self._bring(progress)
            self._check_files()
        return find_model(self.unpacked / (self.archive.folder or ""))

    def verify(self) -> str:
        """Check all that lies here of it, downloading nothing; tells what it was compared with. Raises InputError."""
        with self._locked():
            if self.found() in (Found.NOTHING, Found.PART):
                raise InputError(
                    f"zoo model {self.model}: {self.file} is not there; get it with `workbench models fetch`"
                )
            if self.file.is_file():
                self._check_archive()
            if self.unpacked.is_dir():
                self._check_files()
        if self.archive.sha256:
            return "as its publisher states"
        return (
            "as it was at its first use" if self._record() else "not used yet, so there is nothing to compare it with"
        )

    def _bring(self, progress: Progress | None) -> None:
        """Download the archive where it is not there, check it and unpack it; a download that is no good goes again."""
        downloaded = not self.file.is_file()
        if downloaded:
            self._download(progress)
        try:
            self._unpack(self._check_archive())
        except InputError:
            if downloaded:
                self.file.unlink(missing_ok=True)
            raise

    def _download(self, progress: Progress | None) -> None:
        try:
            download(self.url, self.file, limit=LARGEST_ARCHIVE, progress=progress)
        except DownloadError as error:
            raise InputError(
                f"zoo model {self.model}: {self.url} cannot be fetched: {error}; fetch it elsewhere, put it at {self.file}, "
                "and do this again"
            ) from error

    def _check_archive(self) -> str:
        """The archive's sha256, compared with the published one, or with that of its first use."""
        digest, record = file_digest(self.file), self._record()
        wanted = self.archive.sha256 or (record.sha256 if record else digest)
        if digest != wanted:
            why = "its publisher states" if self.archive.sha256 else "it had at its first use"
            otherwise = "" if self.archive.sha256 else f"; if its publisher changed it, remove {self._record_file}"
            raise InputError(
                f"zoo model {self.model}: {self.file} has sha256 {digest}, not the {wanted} that {why}; fetch it again{otherwise}"
            )
        return digest

    def _unpack(self, digest: str) -> None:
        """Unpack aside, write down what was found, and rename in one step."""
        for stale in (*self.file.parent.glob(".unfinished-*"), self.unpacked):
            shutil.rmtree(stale, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.file.parent))
        try:
            if self.file.suffix == ".onnx":
                shutil.copyfile(self.file, aside / self.file.name)
            else:
                unpack(self.file, aside, Limits())
            find_model(aside / (self.archive.folder or ""), archive=self.file)
            files = {str(p.relative_to(aside)): file_digest(p) for p in sorted(aside.rglob("*")) if p.is_file()}
            before = self._record()
            record = Record(
                url=self.archive.url,
                sha256=digest,
                bytes=self.file.stat().st_size,
                first_used=before.first_used if before else datetime.now(UTC).isoformat(timespec="seconds"),
                files=files,
            )
            write_json(self._record_file, record.model_dump(mode="json"))
            aside.chmod(0o755)
            aside.rename(self.unpacked)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _check_files(self) -> None:
        record = self._record()
        for name, digest in (record.files if record else {}).items():
            path = self.unpacked / name
            if not path.is_file() or path.is_symlink() or file_digest(path) != digest:
                raise InputError(
                    f"zoo model {self.model}: {path} is missing or was changed since it was unpacked; remove {self.unpacked} and "
                    "do this again"
                )

    @property
    def _record_file(self) -> Path:
        return self.file.with_name(f"{self.file.name}.json")

    def _record(self) -> Record | None:
        try:
            return Record.model_validate_json(self._record_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValidationError, UnicodeDecodeError):
            raise InputError(
                f"zoo model {self.model}: {self._record_file} is broken; remove it, and {self.unpacked}, and do this again"
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.file.parent / ".lock"):
            yield


def find_model(folder: Path, *, archive: Path | None = None) -> ModelFiles:
    """The one model in a folder that `archive` was unpacked into; raises InputError when there is none, or more than one.

    What pickle would have to load is never taken: unpickling runs whatever its author wrote into it.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("._")]
    programs = [path for path in files if path.suffix == ".pdmodel"]
    networks = programs or [path for path in files if path.suffix == ".onnx" or path.name == "__model__"]
    if len(networks) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in networks)
        raise InputError(
            f"{archive or folder}: {len(networks)} models in it ({names}); unpack it yourself, and name one of them as `path`"
        )
    if not networks:
        pickles = next((path.name for path in files if path.suffix in PICKLES), None)
        why = f"only {pickles}, a pickle, which can run any code when it is loaded" if pickles else "no model"
        raise InputError(f"{archive or folder}: {why}; give an archive with .pdmodel and .pdiparams, or an .onnx file")
    (network,) = networks
    weights = [path for path in files if path.suffix == ".pdiparams" and path.parent == network.parent]
    differs = network.suffix == ".pdmodel" and len(weights) == 1 and weights[0].stem != network.stem
    return ModelFiles(network, weights[0] if differs else None)
