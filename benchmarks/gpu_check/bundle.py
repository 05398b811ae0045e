"""One zip file to attach to an issue: what the machine is, what was run and how it went; no path or name of its user."""

import importlib.metadata
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

KEPT = (
    "results.csv",
    "results.json",
    "metrics.csv",
    "machine.json",
    "recipe.yaml",
    "report.md",
    "logs/*.log",
    "stages/deploy.json",
)
LARGEST_LOG = 200_000


def write_bundle(
    path: Path, *, doctor: Mapping[str, Any], runs: Sequence[Path], table: str, folders: Mapping[str, Path]
) -> Path:
    """Write the bundle of finished, or failed, runs; returns its path. `folders` are private, by the words that stand for them."""
    places = private_places(folders | {"RUNS": path.parent})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("doctor.json", scrub(json.dumps(doctor, indent=1), places))
        file.writestr("versions.txt", versions())
        file.writestr("table.txt", scrub(table, places))
        for run in runs:
            for found in _files(run):
                text = found.read_text(encoding="utf-8", errors="replace")[-LARGEST_LOG:]
                file.writestr(f"{run.name}/{found.relative_to(run)}", scrub(text, places))
    return path


def private_places(folders: Mapping[str, Path]) -> dict[str, str]:
    """Folders, also by what they resolve to, and names that tell who ran this and where, by what stands for them; the longest first."""
    known = folders | {"PYTHON": Path(sys.prefix), "HOME": Path.home()}
    places = {str(place): word for word, folder in known.items() for place in (folder, folder.resolve())}
    user = os.environ.get("USER") or Path.home().name
    # A short name, such as `root` or `me`, is part of too many words.
    names = {user: "USER"} if len(user) > 4 else {}
    return dict(sorted(places.items(), key=lambda item: -len(item[0]))) | names


def scrub(text: str, places: Mapping[str, str]) -> str:
    """A text without the places: each replaced by what stands for it."""
    for place, word in places.items():
        if place not in ("", "/"):
            text = text.replace(place, word)
    return text


def versions() -> str:
    """Every installed package with its version, one a line."""
    found = {(one.metadata["Name"], one.version) for one in importlib.metadata.distributions()}
    return "\n".join(f"{name}=={version}" for name, version in sorted(found, key=str)) + "\n"


def _files(run: Path) -> Iterator[Path]:
    for pattern in KEPT:
        yield from sorted(path for path in run.glob(pattern) if path.is_file())
