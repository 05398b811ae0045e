"""The recipe: one YAML file, read and strictly checked, and what to quantize and where to deploy in it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, field_validator, model_validator

from workbench.errors import InputError
from workbench.experiment.expectation import Expectation
from workbench.experiment.measurement import Measurement
from workbench.experiment.sources import ModelSource, TaskSource
from workbench.experiment.strict import Strict, WithOptions, validate
from workbench.records import Device, Precision

RECIPES = Path(__file__).parents[1] / "recipes"
DRAWN = "synthetic"
"""The task whose samples are drawn."""


class AccuracyTarget(Strict):
    """How accurate a quantized model must be: a search over range algorithms and tensors left in float looks for it."""

    max_drop: float = Field(1.0, ge=0, description="points of the metric that may be lost against FP32 on a backend")
    metric: str | None = Field(None, description="metric of the task; default: its primary one")
    min_sqnr_db: float | None = Field(
        None, description="signal to noise that the outputs must have too, since a metric on few images is noise"
    )
    backends: list[str] = Field(default_factory=list, description="default: those that the recipe deploys in INT8")
    max_evaluations: int = Field(12, ge=1, description="models to try on a backend, at most")
    images: int | None = Field(None, ge=1, description="samples of the task's search set to judge by; default: all")
    sensitivity_images: int = Field(6, ge=1, description="samples by which tensors are ranked")

    def smoke(self) -> "AccuracyTarget":
        """The same target, looked for with next to no data."""
        return self.model_copy(update={"max_evaluations": 2, "images": 4, "sensitivity_images": 1})


class Quantization(WithOptions):
    """One quantized model to make. Further keys are the method's options."""

    method: str = Field(description="quantization method")
    variant: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._+-]*$",
        description="tells two models of one method apart; default: made from the options",
    )
    accuracy: AccuracyTarget | None = Field(None, description="look for the model that is accurate enough")

    def smoke(self) -> "Quantization":
        """The same entry, made quickly."""
        return self if self.accuracy is None else self.model_copy(update={"accuracy": self.accuracy.smoke()})


class ThreadCount(StrEnum):
    """A number of threads that is the machine's."""

    ALL = "all"


def _one_up_or_all(value: Any) -> int | ThreadCount:
    if value == ThreadCount.ALL:
        return ThreadCount.ALL
    if type(value) is int and value >= 1:
        return value
    raise ValueError("give a number from 1 up, or `all` for as many as the machine has cores")


Threads = Annotated[
    int | ThreadCount,
    PlainValidator(_one_up_or_all),
    PlainSerializer(lambda threads: threads),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}),
]


class Deployment(WithOptions):
    """One backend on one device. Lists are crossed; FP32 is always measured too, as the baseline. Further keys are the backend's options."""

    backend: str = Field(description="inference backend")
    device: Device = Field(Device.CPU, description="device of the backend")
    precision: list[Precision] = Field(min_length=1, description="precisions to deploy")
    pinned: list[bool] = Field([False], min_length=1, description="copy through pinned host memory (GPU)")
    threads: list[Threads] = Field(
        [1], min_length=1, description="intra-operator threads; `all`: as many as the machine has cores"
    )
    batch: list[Annotated[int, Field(ge=1)]] = Field([1], min_length=1, description="samples per call")
    required: bool = Field(False, description="a row of this deployment that is not `ok` fails the run")

    @field_validator("precision", "pinned", "threads", "batch", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [value]

    @field_validator("precision")
    @classmethod
    def _with_baseline(cls, value: list[Precision]) -> list[Precision]:
        return [Precision.FP32, *(p for p in dict.fromkeys(value) if p is not Precision.FP32)]

    @field_validator("threads", "batch")
    @classmethod
    def _once_each(cls, value: list[int | ThreadCount]) -> list[int | ThreadCount]:
        return list(dict.fromkeys(value))


class Recipe(Strict):
    """One experiment."""

    schema_version: int = Field(1, ge=1, le=1, description="version of this format")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the run folder")
    model: ModelSource
    task: TaskSource = Field(description="left out for an architecture: its inputs are drawn")
    quantize: list[Quantization] = Field(default_factory=list)
    deploy: list[Deployment] = Field(min_length=1)
    measure: Measurement = Measurement()
    expect: list[Expectation] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _task_of_architecture(cls, data: Any) -> Any:
        """A network without trained weights has no data of its own: what it takes is drawn, unless the recipe says otherwise."""
        model = data.get("model") if isinstance(data, dict) else None
        if not isinstance(model, dict) or not model.get("architecture"):
            return data
        task = data.get("task", {"name": DRAWN})
        if not isinstance(task, dict) or task.get("name") != DRAWN or not isinstance(task.get("options", {}), dict):
            return data
        inputs = {key: model[key] for key in ("architecture", "input_shapes") if model.get(key)}
        return data | {"task": task | {"options": inputs | task.get("options", {})}}

    def smoke(self) -> "Recipe":
        """The same experiment with so little data and so few repeats that it only shows that everything runs."""
        measure = self.measure.model_copy(
            update={"warmup": 2, "repeats": 4, "rounds": 2, "block_runs": 2, "block_seconds": 0.0, "discard_runs": 1,
                    "bootstrap": 20, "sqnr_images": min(4, self.measure.sqnr_images), "evaluation_limit": 16}
        )  # fmt: skip
        quantize = [entry.smoke() for entry in self.quantize]
        return self.model_copy(update={"quantize": quantize, "measure": measure, "expect": []})


def find_recipe(name_or_path: str | Path) -> Path:
    """The file of a recipe given as a path, or by the name of a shipped one; raises InputError."""
    path = Path(name_or_path)
    if path.is_file():
        return path.resolve()
    shipped = RECIPES / f"{name_or_path}.yaml"
    if path.name == str(name_or_path) and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
    raise InputError(f"recipe {str(name_or_path)!r}: no such file or shipped recipe; shipped are: {names}")


def read_recipe(path: Path) -> Recipe:
    """Parse and check a recipe file; relative paths in it become absolute. Raises InputError, one line."""
    return _recipe(read_yaml(path), path.parent, where=str(path))


def parse_recipe(text: str, folder: Path, *, where: str) -> Recipe:
    """The same for a text that is to lie in `folder`; `where` names it in messages."""
    return _recipe(_mapping(text, where=where), folder, where=where)


def read_yaml(path: Path) -> dict[str, Any]:
    """What a recipe file holds, unchecked; raises InputError when it is no mapping."""
    try:
        return _mapping(path.read_text(encoding="utf-8"), where=str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _mapping(text: str, *, where: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InputError(f"{where}: a recipe is a mapping with the keys {', '.join(Recipe.model_fields)}")
    return data


def _recipe(data: dict[str, Any], folder: Path, *, where: str) -> Recipe:
    if data.get("kind") == "suite":
        raise InputError(
            f"{where}: a suite of several recipes, which `workbench run` takes; for one of them give the recipe.yaml in its run folder"
        )
    return _absolute(validate(Recipe, data, where=where), folder)


def _absolute(recipe: Recipe, folder: Path) -> Recipe:
    def resolve(path: Path | None) -> Path | None:
        return None if path is None else (folder / path.expanduser()).resolve()

    model = recipe.model.model_copy(update={"path": resolve(recipe.model.path), "params": resolve(recipe.model.params)})
    task = recipe.task.model_copy(update={"file": resolve(recipe.task.file)})
    return recipe.model_copy(update={"model": model, "task": task})
