"""Strictly checked data from outside: unknown keys are errors, and what is wrong is said in one line."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.errors import InputError

Checked = TypeVar("Checked", bound=BaseModel)


class Strict(BaseModel):
    """Base of every part of a recipe: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WithOptions(BaseModel):
    """A part that carries the options of a quantization method or backend, which that room's own model checks."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def options(self) -> dict[str, Any]:
        """The keys that this part does not know itself."""
        return dict(self.model_extra or {})


def validate(model: type[Checked], data: Any, *, where: str) -> Checked:
    """Check `data` against a pydantic model; raises InputError whose one line names the key, the value and the fix."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{where}: {_one_line(model, error)}") from None


def _one_line(model: type[BaseModel], error: ValidationError) -> str:
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"]) or "top level"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        return f"unknown key `{key}`; known keys here: {', '.join(known)}{more}"
    if first["type"] == "missing":
        return f"`{key}` is missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    return f"`{key}` = {first['input']!r}: {message[0].lower()}{message[1:]}{more}"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if part not in model.model_fields:  # a place in a list, or a name in a mapping
            continue
        annotation = model.model_fields[part].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        model = next((t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)), model)
    return list(model.model_fields)
