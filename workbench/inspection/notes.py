"""A recipe with a note at each key: what was guessed and why, and what is for the user to fill in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

FILL_IN = "FILL_IN"
"""Where the user's own paths belong."""


@dataclass(frozen=True)
class Entry:
    """A value of a recipe and what is to be said of it; a mapping of entries is a part of its own."""

    value: Any
    note: str = ""


Entries = Mapping[str, Entry]


def guess(value: Any, reason: str) -> Entry:
    """A value that may be wrong, and why it was taken."""
    return Entry(value, f"guess: {reason}")


def fact(value: Any, source: str) -> Entry:
    """A value that a file states."""
    return Entry(value, f"from {source}")


def fill_in(value: Any, what: str) -> Entry:
    """A value that only the user knows; this one has the right form."""
    return Entry(value, f"fill in: {what}")


@dataclass(frozen=True)
class Proposal:
    """What a model is probably for: the task (of the package, or a file to write), and its options."""

    task: Entry
    options: dict[str, Entry] = field(default_factory=dict)
    task_file: bool = False
    """Whether the user has to write the task."""
    input_shapes: Entry | None = None

    def part(self) -> dict[str, Entry]:
        """The recipe's `task`."""
        if self.task_file:
            return {"file": self.task}
        return {"name": self.task, "options": Entry(self.options)}


def as_yaml(entries: Entries, indent: str = "") -> str:
    """The recipe as YAML text, each note on the line above its key."""
    return "".join(f"{line}\n" for line in _lines(entries, indent))


def plain(entries: Entries) -> dict[str, Any]:
    """The recipe without its notes."""
    return {
        key: plain(entry.value) if _is_part(entry.value) else entry.value
        for key, entry in entries.items()
    }  # fmt: skip


def _lines(entries: Entries, indent: str) -> Iterator[str]:
    for key, entry in entries.items():
        if entry.note:
            yield f"{indent}# {entry.note}"
        if _is_part(entry.value):
            yield f"{indent}{key}:"
            yield from _lines(entry.value, f"{indent}  ")
        elif isinstance(entry.value, list):
            yield f"{indent}{key}:"
            for item in entry.value:
                value, note = (item.value, item.note) if isinstance(item, Entry) else (item, "")
                if note:
                    yield f"{indent}  # {note}"
                yield f"{indent}  - {_flow(value)}"
        else:
            yield f"{indent}{key}: {_flow(entry.value)}"


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(entry, Entry) for entry in value.values())


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True)
    return text.removesuffix("...\n").rstrip("\n")
