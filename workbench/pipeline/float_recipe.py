"""A recipe that keeps chosen tensors of one quantized model in float: the old one, with a line more and another name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import InputError
from workbench.experiment import RECIPES, Recipe, read_recipe
from workbench.pipeline.plan import model_key
from workbench.pipeline.stages import Stage
from workbench.quant.registry import METHODS

SKIP = "skip_tensors"
MOST_FILES = 100


def write_float_recipe(run: Path, model: str, tensors: Sequence[str]) -> Path:
    """Write the recipe of a run with `skip_tensors` for one of its models into a new file; returns its path.

    The file lies beside the recipe that the run was made from, where its relative paths hold, or beside the run folder for a
    shipped one; no file is overwritten. All else in the recipe, comments too, stays as it is. Raises InputError.
    """
    source = _source(run, model)
    recipe = read_recipe(source)
    entry = [model_key(one) for one in recipe.quantize].index(model)
    folder = run.parent if source.parent in (RECIPES, run) else source.parent
    old, within = source.read_text(encoding="utf-8"), _where(recipe, entry)
    for number in range(1, MOST_FILES):
        stem = f"{recipe.name}-float{len(tensors)}{f'-{number}' if number > 1 else ''}"
        path = folder / f"{stem}.yaml"
        text = keep_in_float(old, entry, tensors, within=within, name=stem)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); make the folder writable") from None
        return path
    raise InputError(f"{folder}: holds {stem} and all names before it; remove some")


def _source(run: Path, model: str) -> Path:
    """The recipe file that the run was made from, or, where it is gone or changed since, the run's own copy."""
    state = run / "stages" / f"{Stage.QUANTIZE}.json"
    try:
        given = Path(json.loads(state.read_text(encoding="utf-8"))["recipe_file"])
        if model in {model_key(entry) for entry in read_recipe(given).quantize}:
            return given
    except (OSError, ValueError, KeyError, InputError):
        pass
    own = run / "recipe.yaml"
    if own.is_file() and model in {model_key(entry) for entry in read_recipe(own).quantize}:
        return own
    raise InputError(f"run {run}: its recipe has no quantized model {model!r}; run the recipe again")


def _where(recipe: Recipe, entry: int) -> tuple[str, ...]:
    """The keys below which a method takes the tensors to skip."""
    fields = type(METHODS[recipe.quantize[entry].method].parse(recipe.quantize[entry].options)).model_fields
    if SKIP in fields:
        return ()
    if "quantize" in fields:
        return ("quantize",)
    raise InputError(f"method {recipe.quantize[entry].method}: it keeps no tensors in float; choose a model of another")


def keep_in_float(text: str, entry: int, tensors: Sequence[str], *, within: tuple[str, ...] = (), name: str) -> str:
    """The text of a recipe with another `name` and with `skip_tensors` in an entry of `quantize`, below the keys `within`.

    Only these two places change. Raises InputError where the YAML is such that more would, as with anchors.
    """
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    flow = yaml.safe_dump(list(tensors), default_flow_style=True, width=10**9, allow_unicode=True).strip()
    node = _value(document, "quantize").value[entry]
    edits = [_edit(text, node, [*within, SKIP], flow)]
    old = _value(document, "name")
    edits.append((old.start_mark.index, old.end_mark.index, name))
    wanted = _unshared(text)
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    _check(text, wanted, entry, [*within, SKIP], list(tensors), name)
    return text


Edit = tuple[int, int, str]


def _edit(text: str, node: Any, keys: list[str], flow: str) -> Edit:
    """What to replace from where to where so that the mapping holds the tensors below these keys."""
    key, value = _pair(node, keys[0])
    if key is not None and len(keys) > 1:
        return _edit(text, value, keys[1:], flow)
    if key is not None:
        # A block sequence ends with its last item: its own end is behind the comments that follow.
        end = value.end_mark.index if value.flow_style or not value.value else value.value[-1].end_mark.index
        return key.end_mark.index, end, f": {flow}"
    line = "".join(f"{outer}: {{" for outer in keys[:-1]) + f"{keys[-1]}: {flow}" + "}" * (len(keys) - 1)
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return end, end, f", {line}"
    first, scalar = node.value[0]
    indent = " " * first.start_mark.column
    if not isinstance(scalar, yaml.ScalarNode):
        return first.start_mark.index, first.start_mark.index, f"{line}\n{indent}"
    end = text.find("\n", scalar.end_mark.index)
    end = len(text) if end < 0 else end
    return end, end, f"\n{indent}{line}"


def _pair(mapping: Any, name: str) -> tuple[Any, Any]:
    return next(((key, value) for key, value in mapping.value if key.value == name), (None, None))


def _value(mapping: Any, name: str) -> Any:
    return _pair(mapping, name)[1]


def _unshared(text: str) -> dict[str, Any]:
    """What a text says, without parts that are one object in two places."""
    found: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(text), default=str))
    return found


def _check(text: str, wanted: dict[str, Any], entry: int, keys: list[str], tensors: list[str], name: str) -> None:
    """That the new text says what the old one (`wanted`) did, and besides only what was asked for."""
    wanted["name"] = name
    place = wanted["quantize"][entry]
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = tensors
    try:
        same = _unshared(text) == wanted
    except yaml.YAMLError:
        same = False
    if not same:
        raise InputError(
            f"recipe: it is written in a way that cannot be changed safely; put this line into it by hand: {SKIP}: {tensors}"
        )
