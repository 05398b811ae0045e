"""Configuration files as they were written: YAML with `_BASE_` lists and `!Name` tags, read without executing anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import InputError

BASE = "_BASE_"


@dataclass(frozen=True)
class Layer:
    """What one file, or the command line, says. `folder` is where relative paths in it start."""

    source: str
    folder: Path
    data: dict[str, Any]


class Tagged(dict[str, Any]):
    """A mapping that was written under a tag: `!PiecewiseDecay {gamma: 0.1}` is {type: PiecewiseDecay, gamma: 0.1}."""


class _Loader(yaml.SafeLoader):
    """Plain YAML, plus tags of the form `!Name`; a tag that names a python object stays an error."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise yaml.constructor.ConstructorError(None, None, f"key {twice!r} is given twice", node.start_mark)
    loader.flatten_mapping(node)
    return {str(loader.construct_object(key, deep=True)): loader.construct_object(value, deep=True) for key, value in node.value}  # fmt: skip


def _tagged(loader: _Loader, name: str, node: yaml.Node) -> Tagged:
    if isinstance(node, yaml.MappingNode):
        return Tagged({"type": name} | _mapping(loader, node))
    if isinstance(node, yaml.SequenceNode):
        return Tagged({"type": name, "values": loader.construct_sequence(node, deep=True)})
    return Tagged({"type": name} | ({"value": node.value} if node.value else {}))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _tagged)


def read_layers(path: Path) -> list[Layer]:
    """A file and the files that its `_BASE_` names, those first; one that is not there is left out.

    Raises InputError, one line, for a file that cannot be read, and for files that name each other in a circle.
    """
    return _read_layers(path, above=())


def _read_layers(path: Path, *, above: Sequence[Path]) -> list[Layer]:
    file = path.expanduser()
    if file.resolve() in above:
        raise InputError(f"{file}: its `{BASE}` leads back to itself; take it out")
    layer = Layer(file.name, file.resolve().parent, _read(file))
    bases = [base for base in base_files(layer).values() if base.is_file()]
    return [
        *(found for base in bases for found in _read_layers(base, above=(*above, file.resolve()))),
        layer,
    ]


def base_files(layer: Layer) -> dict[str, Path]:
    """The files that a layer's `_BASE_` names, there or not, by the text that names them."""
    given = layer.data.get(BASE) or []
    names = [str(name) for name in (given if isinstance(given, list) else [given])]
    return {name: layer.folder / Path(name).expanduser() for name in names}


def parse_overrides(pairs: Sequence[str]) -> Layer:
    """`key.path=value` pairs as a layer; values are YAML. Raises InputError for a pair that is none."""
    data: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"-o {pair!r}: not key=value, such as TrainReader.batch_size=4")
        *outer, last = key.split(".")
        inner = data
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise InputError(f"-o {pair!r}: `{part}` was set to a value before")
        inner[last] = _parse(text, where=f"-o {pair!r}")
    return Layer("-o", Path.cwd(), data)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"configuration {path}: no such file") from None
    except UnicodeDecodeError:
        raise InputError(f"configuration {path}: not a text file") from None
    data = _parse(text, where=str(path))
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a mapping of keys to values, as a configuration is")
    return data


def _parse(text: str, *, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{where}: cannot be read as YAML: {' '.join(str(error).split())}") from None
