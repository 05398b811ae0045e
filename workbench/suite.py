"""A suite: several recipes that share most of what they say, run one after another into one table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from workbench.errors import InputError
from workbench.experiment import Recipe, Strict, read_yaml, validate

KIND = "suite"


class Suite(Strict):
    """Several recipes under one name. A member says what differs from `shared`; where both are mappings, they are joined."""

    schema_version: int = Field(1, ge=1, le=1, description="version of this format")
    kind: Literal["suite"] = Field(description="tells a suite from a recipe")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run folder")
    note: str = Field("", description="what a reader of the table has to know of how it was measured")
    published: bool = Field(False, description="set the published tables of the field beside the results")
    shared: dict[str, Any] = Field(default_factory=dict, description="keys of a recipe that hold for all members")
    members: list[dict[str, Any]] = Field(
        min_length=1,
        description="recipes, each with a `name`; `unavailable` gives the reason why one cannot be run, which its rows then say",
    )


@dataclass(frozen=True)
class Member:
    """One recipe of a suite, and why it cannot be run, if so."""

    recipe: Recipe
    unavailable: str = ""


def is_suite(path: Path) -> bool:
    """Whether a file, which is there, holds a suite; one that cannot be read is none."""
    try:
        return read_yaml(path).get("kind") == KIND
    except InputError:
        return False


def read_suite(path: Path) -> tuple[Suite, list[Member]]:
    """Parse and check a suite and all its members; raises InputError, one line."""
    suite = validate(Suite, read_yaml(path), where=str(path))
    members = [_member(suite, given, where=f"{path}: members.{number}") for number, given in enumerate(suite.members)]
    names = [member.recipe.name for member in members]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{path}: two members are called {twice!r}; give one of them another `name`")
    return suite, members


def _member(suite: Suite, given: dict[str, Any], *, where: str) -> Member:
    own = {key: value for key, value in given.items() if key != "unavailable"}
    data: dict[str, Any] = {"schema_version": suite.schema_version} | suite.shared
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(data.get(key), dict)
        data[key] = data[key] | value if both else value
    return Member(validate(Recipe, data, where=where), str(given.get("unavailable", "")))


def recipe_text(recipe: Recipe) -> str:
    """A member's whole recipe, as a file of its own."""
    text: str = yaml.safe_dump(
        recipe.model_dump(mode="json", exclude_defaults=True) | {"schema_version": recipe.schema_version},
        sort_keys=False,
        allow_unicode=True,
    )
    return text
