"""From what was chosen in a form to a recipe, and why something cannot be chosen."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.errors import InputError
from workbench.experiment import Recipe
from workbench.files import write_text
from workbench.inspection.notes import FILL_IN, Entry, as_yaml, fill_in, plain
from workbench.models.sample import SAMPLES
from workbench.pipeline.opening import check_recipe
from workbench.quant.registry import METHODS
from workbench.records import Device, Precision
from workbench.tasks.loader import task_options

TEACHER, STUDENT = "digits_mobilenet_v1", "digits_mobilenet_v1_x0_25"
OPTIONS: dict[str, dict[str, Any]] = {"static": {"algo": "hist"}, "distill_only": {"distill": {"teacher": TEACHER}}}
"""What a method's entry says besides its name."""
LEARNS_FROM_LABELS = ("qat", "pact", "prune", "prune_qat")
WITHOUT_LABELS = ("images", "synthetic")
RECIPES = "recipes"
RESERVED = (RECIPES, "uploads")
OWN_TASK = "own file"

Part = dict[str, Entry]
"""A part of a recipe, with the notes that its text shows."""
Place = tuple[str, str, str]
"""Backend, device, precision."""


@dataclass(frozen=True)
class Choices:
    """What a form says. `given` holds the user's own paths by what stands in their place in `model` and `task`."""

    name: str
    model: Part
    task: Part
    methods: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The recipe as YAML, unchecked."""
        entries = {
            "schema_version": Entry(1),
            "name": Entry(self.name),
            "model": Entry(self.model),
            "task": Entry(_replaced(self.task, self.given)),
            "quantize": Entry([{"method": method} | OPTIONS.get(method, {}) for method in self.methods]),
            "deploy": Entry(_deploy(self.places)),
        }
        return as_yaml({key: entry for key, entry in entries.items() if entry.value != []})


def blanks(part: Part) -> list[str]:
    """What the user is to give in a part, such as `FILL_IN/val2017`, each once."""
    return list(dict.fromkeys(text for text in _texts(plain(part)) if text.startswith(FILL_IN)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _replaced(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, Entry):
        replaced = _replaced(value.value, given)
        return Entry(replaced, value.note if replaced == value.value else value.note.removeprefix("fill in: "))
    if isinstance(value, dict):
        return {key: _replaced(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, given) for item in value]
    return (given.get(value) or value) if isinstance(value, str) else value


def task_part(name: str, options: Mapping[str, Any]) -> Part:
    """The `task` of a recipe by the name of one of the package, or OWN_TASK; options that it needs and nobody gave are blanks."""
    if name == OWN_TASK:
        return {"file": fill_in(f"{FILL_IN}/task.py", "your python file with a Task in it (docs/tasks.md)")}
    fields = task_options(name).model_fields
    needed = {
        key: fill_in(f"{FILL_IN}/{key}", found.description or key)
        for key, found in fields.items()
        if found.is_required()
    }
    known = {
        key: value if isinstance(value, Entry) else Entry(value) for key, value in options.items() if key in fields
    }
    chosen = needed | known
    return {"name": Entry(name)} | ({"options": Entry(chosen)} if chosen else {})


def sample_counts(name: str) -> list[str]:
    """The options of a task of the package that say how many samples to calibrate and to evaluate on."""
    if name == OWN_TASK:
        return []
    wanted = ("calibration_samples", "calibration_images", "evaluation_samples", "evaluation_images")
    return [key for key in wanted if key in task_options(name).model_fields]


def _deploy(places: Sequence[Place]) -> list[dict[str, Any]]:
    precisions: dict[tuple[str, str], list[str]] = {}
    for backend, device, precision in places:
        precisions.setdefault((backend, device), []).append(precision)
    return [
        {"backend": backend} | ({} if device == Device.CPU else {"device": device}) | {"precision": found}
        for (backend, device), found in precisions.items()
    ]


def against_method(method: str, model: Part, task: Part) -> str:
    """Why a method cannot be chosen for a model and a task; empty when it can."""
    source, name = plain(model), plain(task).get("name")
    if method == "published" and "zoo" not in source:
        return "deploys what others quantized: needs a published model"
    if method == "distill_only" and source.get("sample") != STUDENT:
        return f"needs a teacher, a larger model: of the samples {STUDENT} has one"
    if method in LEARNS_FROM_LABELS and name in WITHOUT_LABELS:
        return f"learns from labels, which task {name} has not"
    return ""


def possible_places(matrix: Sequence[Mapping[str, str]]) -> dict[Place, str]:
    """Every backend, device and precision, with the reason why it cannot run here and what to install; empty when it can.

    `matrix` is `doctor`'s.
    """
    found: dict[Place, str] = {}
    for row in matrix:
        reason = "; ".join(part for part in (row["reason"], row["install"]) if part)
        found[row["backend"], row["device"], row["precision"]] = "" if row["status"] == "ready" else reason
    backends, precisions = list(BACKENDS), [*map(str, Precision)]
    return dict(
        sorted(found.items(), key=lambda item: (backends.index(item[0][0]), item[0][1], precisions.index(item[0][2])))
    )


def sample_task(sample: str) -> str:
    """The task that a shipped model is for."""
    return SAMPLES[sample].task


def method_titles() -> dict[str, str]:
    """What each method is, by name."""
    return {name: method.title for name, method in METHODS.items()}


def checked(text: str, folder: Path) -> Recipe:
    """The recipe of a text that is to lie in `folder`; raises InputError, one line, for what is wrong or still to be filled in."""
    for number, line in enumerate(text.splitlines(), 1):
        if FILL_IN in line and not line.lstrip().startswith("#"):
            raise InputError(f"recipe: line {number}: fill in {line.strip()}")
    return check_recipe(text, folder)


def free_name(runs: Path, wanted: str) -> str:
    """`wanted`, or with a number behind it, so that neither a run nor a recipe is called so."""
    fitting = re.sub(r"[^A-Za-z0-9._-]+", "_", wanted).lstrip("._-") or "experiment"
    names = (fitting if number == 1 else f"{fitting}-{number}" for number in range(1, 10_000))
    return next(name for name in names if not (runs / name).exists() and not recipe_file(runs, name).exists())


def recipe_file(runs: Path, name: str) -> Path:
    """Where a form writes a recipe of this name."""
    return runs / RECIPES / f"{name}.yaml"


def write_new(text: str, runs: Path) -> tuple[Path, Path]:
    """Write a checked recipe into a new file; returns it and the folder of its run. Raises InputError when either is there already."""
    name = checked(text, runs / RECIPES).name
    file, folder = recipe_file(runs, name), runs / name
    for path in (file, folder):
        if path.exists() or name in RESERVED:
            raise InputError(f"name {name!r}: {path} is there already; give another, such as {free_name(runs, name)!r}")
    write_text(file, text)
    return file, folder
