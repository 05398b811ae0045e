"""The JSON Schemas of recipes and results, and the reference page, all made from the models that check them."""

import operator
import re
from collections.abc import Iterable
from enum import Enum
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from workbench.backends.registry import BACKENDS
from workbench.exit_codes import ExitCode
from workbench.experiment import (
    AccuracyTarget,
    Deployment,
    Expectation,
    Measurement,
    ModelSource,
    Quantization,
    Recipe,
    TaskSource,
)
from workbench.quant.registry import METHODS
from workbench.records import Metric, Record
from workbench.suite import Suite
from workbench.tasks.loader import TASKS, task_options

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema() -> dict[str, Any]:
    """JSON Schema of a recipe, the options of every method and backend included."""
    schema = Recipe.model_json_schema()
    parts = schema["$defs"]
    parts["Quantization"] = _one_of(
        parts["Quantization"], "method", {name: method.Options for name, method in METHODS.items()}, parts
    )
    parts["Deployment"] = _one_of(
        parts["Deployment"], "backend", {name: backend.Options for name, backend in BACKENDS.items()}, parts
    )
    _allow_single_values(parts)
    # Left out for an architecture, whose task follows from it.
    schema["required"].remove("task")
    drawn = {"properties": {"model": {"required": ["architecture"]}}}
    return {"$schema": DIALECT, **schema, "anyOf": [{"required": ["task"]}, drawn]}


def results_schema() -> dict[str, Any]:
    """JSON Schema of `results.json`."""
    record = Record.model_json_schema()
    return {
        "$schema": DIALECT,
        "title": "results.json",
        "type": "object",
        "properties": {"schema_version": {"const": 1}, "rows": {"type": "array", "items": {"$ref": "#/$defs/Record"}}},
        "required": ["schema_version", "rows"],
        "additionalProperties": False,
        "$defs": record.pop("$defs") | {"Record": record},
    }


def reference_page() -> str:
    """The reference of recipes, options, result columns and exit codes, as Markdown."""
    sections = [
        "# Reference\n\nMade by `workbench schema reference`; do not edit by hand.\n",
        "## Recipe\n\nOne YAML file; unknown keys are errors. `workbench schema recipe` prints its JSON Schema.\n\n"
        + _keys(Recipe),
        "### `model`\n\n" + _keys(ModelSource),
        "### `task`\n\n" + _keys(TaskSource),
        *(f"#### Options of `name: {name}`\n\n{_keys(task_options(name))}" for name in sorted(TASKS)),
        *(
            f"#### `{'` or `'.join(keys)}` of a task\n\n{_keys(block)}"
            for block, keys in _blocks(map(task_options, sorted(TASKS))).items()
        ),
        "### `quantize` (a list)\n\n" + _keys(Quantization),
        "#### `accuracy`\n\n" + _keys(AccuracyTarget),
        *(
            f"#### Options of `method: {name}`: {method.title}\n\n{_keys(method.Options)}"
            for name, method in METHODS.items()
        ),
        *(
            f"#### `{'` or `'.join(keys)}` of a method that trains\n\n{_keys(block)}"
            for block, keys in _blocks(method.Options for method in METHODS.values()).items()
        ),
        "### `deploy` (a list)\n\n" + _keys(Deployment),
        *(
            f"#### Options of `backend: {name}`: {b.title}\n\n{_keys(b.Options)}"
            for name, b in BACKENDS.items()
            if b.Options.model_fields
        ),
        "### `measure`\n\n" + _keys(Measurement),
        "### `expect` (a list)\n\n" + _keys(Expectation),
        f"## Suite\n\n{_one_line(Suite)} `workbench run` takes it as it takes a recipe.\n\n" + _keys(Suite),
        f"## Results\n\n{_one_line(Record)} `workbench schema results` prints the JSON Schema of `results.json`.\n\n{_columns(Record)}",
        f"## Secondary figures\n\n{_one_line(Metric)}\n\n{_columns(Metric)}",
        "## Exit codes\n\n| code | meaning |\n| --- | --- |\n"
        + "".join(f"| {code.value} | {code.meaning} |\n" for code in ExitCode),
    ]
    return "\n".join(sections)


def _one_of(
    base: dict[str, Any], tag: str, options: dict[str, type[BaseModel]], parts: dict[str, Any]
) -> dict[str, Any]:
    choices = []
    for name, model in options.items():
        own = model.model_json_schema()
        parts |= own.pop("$defs", {})
        properties = base["properties"] | own.get("properties", {}) | {tag: {"const": name}}
        choices.append(
            {"type": "object", "properties": properties, "required": base["required"], "additionalProperties": False}
        )
    return {"oneOf": choices, "title": base["title"], "description": base["description"]}


def _allow_single_values(parts: dict[str, Any]) -> None:
    """A recipe may write one value where a list is taken."""
    for choice in parts["Deployment"]["oneOf"]:
        for name in ("precision", "pinned", "threads", "batch"):
            field = choice["properties"][name]
            choice["properties"][name] = {"anyOf": [field, field["items"]], "description": field.get("description", "")}


def _blocks(models: Iterable[type[BaseModel]]) -> dict[type[BaseModel], list[str]]:
    """The groups of options in them, and the keys under which they stand."""
    found: dict[type[BaseModel], list[str]] = {}
    for model in models:
        for key, field in model.model_fields.items():
            for kind in (field.annotation, *get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, BaseModel) and key not in found.setdefault(kind, []):
                    found[kind].append(key)
    return found


def _keys(model: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {field.description or ''} |"
        for name, field in model.model_fields.items()
    ]
    return "| key | type | default | meaning |\n| --- | --- | --- | --- |\n" + "".join(f"{row}\n" for row in rows)


def _columns(model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_type(field)} |\n" for name, field in model.model_fields.items()]
    return "| column | type |\n| --- | --- |\n" + "".join(rows)


def _type(field: FieldInfo) -> str:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " \\| ".join(f"`{choice.value}`" for choice in annotation)
    annotation = _without_constraints(annotation)
    text = (
        annotation.__name__
        if type(annotation) is type
        else str(annotation).replace("typing.", "").replace("<class '", "").replace("'>", "")
    )
    text = re.sub(r"\b(workbench(\.\w+)*|pathlib)\.", "", text)
    return text.replace("|", "\\|")


def _without_constraints(annotation: Any) -> Any:
    """A type without what pydantic checks beyond it."""
    origin = get_origin(annotation)
    if origin is None:
        return annotation
    if origin is Annotated:
        return _without_constraints(get_args(annotation)[0])
    arguments = tuple(_without_constraints(argument) for argument in get_args(annotation))
    return reduce(operator.or_, arguments) if origin in (UnionType, Union) else origin[arguments]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, dict):
        return f"`{{{', '.join(f'{key}: {one}' for key, one in value.items())}}}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return "" if value is None else f"`{value}`" if str(value) else '`""`'


def _one_line(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())
