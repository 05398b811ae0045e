"""The account of a configuration: every key that it has, and what became of it."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.compress.layers import BASE, Layer, Tagged, base_files
from workbench.errors import InputError

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Entry:
    """One key of one file. Either `used_as` says what it became, or `reason` why it was not used."""

    source: str
    key: str
    value: Any
    used_as: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ConfigPath:
    """A path that a configuration names, and the flag that overrides it."""

    source: str
    key: str
    value: str
    path: Path
    flag: str

    def check(self) -> None:
        """Raise InputError when nothing is there."""
        if not self.path.exists():
            raise InputError(
                f"{self.source}: `{self.key}` = {self.value!r}: no such file or folder as {self.path}; put it there or give another with {self.flag}"
            )


@dataclass
class _Leaf:
    layer: Layer
    value: Any
    used_as: str = ""
    reason: str = ""


class Account:
    """The merged keys of some layers (later ones win). Whoever reads a key notes what for; what nobody notes is told too.

    A leaf is a scalar or a list of scalars. Its key path joins mapping keys and list positions by dots.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._overridden: list[Entry] = []
        self._leaves: dict[str, _Leaf] = {}
        merged: dict[str, tuple[Layer, Any]] = {}
        for layer in layers:
            self._bases(layer)
            for key, value in _settings({k: v for k, v in layer.data.items() if k != BASE}):
                for other in [k for k in merged if f"{k}.".startswith(f"{key}.") or f"{key}.".startswith(f"{k}.")]:
                    self._override(other, *merged.pop(other), by=layer.source)
                merged[key] = (layer, value)
        for key, (layer, value) in merged.items():
            self._leaves |= {leaf: _Leaf(layer, found) for leaf, found in _leaves(key, value)}

    def entries(self, otherwise: str) -> list[Entry]:
        """Every key of every layer; `otherwise` is the reason of those that nobody noted."""
        found = [
            Entry(leaf.layer.source, key, leaf.value, leaf.used_as, leaf.reason or ("" if leaf.used_as else otherwise))
            for key, leaf in self._leaves.items()
        ]
        return found + self._overridden

    def has(self, key: str) -> bool:
        """Whether there is such a key, or a section of this name."""
        return any(self._below(key))

    def children(self, key: str) -> list[str]:
        """The key paths right below a section or list, in order."""
        parts = len(key.split(".")) + 1
        return list(dict.fromkeys(".".join(leaf.split(".")[:parts]) for leaf in self._below(key) if leaf != key))

    def peek(self, key: str) -> Any:
        """A leaf's value without a note; None when there is none."""
        return self._leaves[key].value if key in self._leaves else None

    def use(self, key: str, used_as: str) -> Any:
        """A leaf's value, noted as used; None when there is none."""
        if key in self._leaves:
            self._leaves[key].used_as, self._leaves[key].reason = used_as, ""
        return self.peek(key)

    def skip(self, key: str, reason: str) -> None:
        """Note why a leaf, or every leaf of a section that has no note yet, is not used."""
        for found in self._below(key):
            leaf = self._leaves[found]
            if found == key or not (leaf.used_as or leaf.reason):
                leaf.used_as, leaf.reason = "", reason

    def only(self, key: str, value: Any, *, used_as: str, otherwise: str) -> None:
        """Note a key of which one value is what the workbench does anyway; any other is not used."""
        if self.peek(key) == value:
            self.use(key, used_as)
        else:
            self.skip(key, otherwise)

    def number(self, key: str, used_as: str) -> float | None:
        """A leaf as a number, also where YAML takes it for text (1e-5); raises InputError."""
        value = self.use(key, used_as)
        if value is None:
            return None
        with contextlib.suppress(TypeError, ValueError):
            if math.isfinite(number := float(value)):
                return number
        raise InputError(f"{self.where(key)}: not a number")

    def integer(self, key: str, used_as: str) -> int | None:
        """A leaf as a whole number; raises InputError."""
        value = self.number(key, used_as)
        if value is not None and value != int(value):
            raise InputError(f"{self.where(key)}: not a whole number")
        return None if value is None else int(value)

    def numbers(self, key: str, used_as: str) -> list[float]:
        """A leaf as a list of numbers; raises InputError."""
        value = self.use(key, used_as)
        try:
            return [float(part) for part in _listed(value)]
        except (TypeError, ValueError):
            raise InputError(f"{self.where(key)}: not a list of numbers") from None

    def names(self, key: str, used_as: str) -> list[str]:
        """A leaf as a list of texts; nothing, and the text "None" that YAML makes of None, are an empty one."""
        value = self.use(key, used_as)
        return [] if value == "None" else [str(part) for part in _listed(value)]

    def choice(self, key: str, choices: Mapping[str, Choice], used_as: str) -> Choice | None:
        """What a leaf's text stands for; raises InputError that lists the choices."""
        value = self.use(key, used_as)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None:
            return None
        if str(value) not in choices:
            raise InputError(f"{self.where(key)}: not known here; choose one of {', '.join(choices)}")
        return choices[str(value)]

    def path(self, key: str, used_as: str, *, flag: str) -> ConfigPath | None:
        """A leaf as a path: below the folder of its file, or the current one when it is only there."""
        value = self.use(key, used_as)
        if value is None:
            return None
        folder, given = self._leaves[key].layer.folder, Path(str(value)).expanduser()
        found = next((place for place in (folder / given, Path.cwd() / given) if place.exists()), folder / given)
        return ConfigPath(self.source(key), key, str(value), found.resolve(), flag)

    def source(self, key: str) -> str:
        """The file that a leaf is from."""
        return self._leaves[key].layer.source

    def where(self, key: str) -> str:
        """File, key and value, for messages."""
        if key not in self._leaves:
            return f"`{key}`, which is not given"
        leaf = self._leaves[key]
        return f"{leaf.layer.source}: `{key}` = {leaf.value!r}"

    def _below(self, key: str) -> Iterator[str]:
        return (leaf for leaf in self._leaves if f"{leaf}.".startswith(f"{key}."))

    def _bases(self, layer: Layer) -> None:
        for given, base in base_files(layer).items():
            told = {"used_as": "read before this file"} if base.is_file() else {"reason": f"not read: no file {base}"}
            self._overridden.append(Entry(layer.source, BASE, given, **told))

    def _override(self, key: str, layer: Layer, value: Any, *, by: str) -> None:
        self._overridden += [
            Entry(layer.source, leaf, found, reason=f"{by} says otherwise") for leaf, found in _leaves(key, value)
        ]


def _settings(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What a later layer replaces as one: scalars, lists and tagged mappings, by key path."""
    for key, value in data.items():
        if isinstance(value, dict) and value and not isinstance(value, Tagged):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from _leaves(f"{key}.{name}", part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for position, part in enumerate(value):
            yield from _leaves(f"{key}.{position}", part)
    else:
        yield key, value


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    return [part for found in value for part in (found if isinstance(found, list) else [found])]
