"""The folder of one run: finished jobs that need not be done again, models, logs, and who is working in it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.errors import BusyError, InputError
from workbench.files import write_json
from workbench.records import Status

SUBFOLDERS = ("jobs", "models", "logs", "raw", "outputs", "plots", "notebooks")


@dataclass(frozen=True)
class RunFolder:
    """Paths and finished jobs of one run. The truth is one JSON file per job; tables are derived from them."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "RunFolder":
        """Make the folder where it is missing; raises InputError when that is not possible."""
        try:
            for name in SUBFOLDERS:
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"run folder {path}: {error.strerror}; choose another with --out") from None
        return cls(path)

    @property
    def models(self) -> Path:
        """Where the Models of this run lie, by digest."""
        return self.path / "models"

    def log(self, name: str) -> Path:
        """The file for what a worker prints."""
        return self.path / "logs" / f"{name}.log"

    def finished(self, stage: str, key: str) -> dict[str, Any] | None:
        """The record of a job that ended `ok`, or None. A half-written or foreign file counts as not finished."""
        try:
            record = json.loads(self._job_file(stage, key).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("status") == Status.OK else None

    def finish(self, stage: str, key: str, record: dict[str, Any]) -> None:
        """Keep what became of a job."""
        write_json(self._job_file(stage, key), record)

    def sweep(self) -> None:
        """Remove Models that a killed worker left half made; only whoever holds the stage lock may."""
        for unfinished in self.models.glob(".unfinished-*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def _job_file(self, stage: str, key: str) -> Path:
        return self.path / "jobs" / f"{stage}-{key}.json"

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the folder for `what` ("run" or "stage"); raises BusyError at once when another process holds it.

        The lock is the operating system's: it is free again however its holder ends.
        """
        holder = self.path / f".{what}.holder"
        try:
            with FileLock(self.path / f".{what}.lock", timeout=0):
                holder.write_text(str(os.getpid()), encoding="utf-8")
                yield
        except Timeout:
            raise BusyError(
                f"run folder {self.path} is in use by process {_read(holder)}; wait for it to end or choose another with --out"
            ) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"


KEPT = (
    "results.csv",
    "results.json",
    "metrics.csv",
    "machine.json",
    "recipe.yaml",
    "report.md",
    "report.html",
    "plots",
    "notebooks",
    # What somebody saved from `ui.explore`, which no run makes again.
    "explore",
)


def removable(run: Path, *, everything: bool) -> list[tuple[Path, int]]:
    """What `clean` would remove of a run folder, with its size in bytes: all of it, or what the next run makes again.

    Results, plots, report and notebooks are kept unless `everything`. Raises InputError when it is no run folder.
    """
    if not (run / "jobs").is_dir() and not (run / "results.json").is_file():
        raise InputError(f"{run}: not a run folder (no jobs/ and no results.json in it); give one such as runs/demo")
    chosen = [run] if everything else [path for path in sorted(run.iterdir()) if path.name not in KEPT]
    return [(path, size) for path in chosen if (size := _size(path))]


def remove(paths: list[Path]) -> None:
    """Remove files and folders; those that are gone already are no error."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat(follow_symlinks=False).st_size for file in files if file.is_file())
