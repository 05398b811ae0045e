"""The recipe: what to quantize, where to deploy, how to measure, what to expect. One YAML file, strictly checked."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from workbench.errors import InputError
from workbench.records import Device, Precision, Scope

RECIPES = Path(__file__).parent / "recipes"
Checked = TypeVar("Checked", bound=BaseModel)
DRAWN = "synthetic"
"""The task whose samples are drawn."""


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


class ModelSource(Strict):
    """The FP32 model: a shipped sample, a published model, a published network without its weights, or a user's own files."""

    sample: str | None = Field(None, description="name of a shipped sample model")
    zoo: str | None = Field(
        None, description="name of a published model (`workbench models list`), fetched when it is not there"
    )
    archive: str | None = Field(None, description="file name of the zoo model's archive; default: its first FP32 one")
    architecture: str | None = Field(
        None, description="name of a published network, built with random weights: its latency counts, nothing else"
    )
    path: Path | None = Field(
        None, description="ONNX file, Paddle inference folder, .pdmodel or stem; relative to the recipe"
    )
    params: Path | None = Field(None, description=".pdiparams file, where its stem differs from the .pdmodel file's")
    name: str | None = Field(None, description="name in the tables; default: the sample's or the file's")
    input_shapes: dict[str, list[int]] = Field(
        default_factory=dict,
        description="shape of inputs that the model leaves dynamic, or of an architecture's; batch axis included",
    )
    clean: bool = Field(True, description="rewrite what importers leave behind, exactly")
    strip_nms: bool | None = Field(
        None,
        description="cut suppression off a Paddle detector's end; the task then does it, with the settings that the network "
        "had. Default: where a backend of the recipe cannot run it, or the recipe quantizes",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.sample, self.zoo, self.architecture, self.path)) != 1:
            raise ValueError("give one of `sample`, `zoo`, `architecture` and `path`")
        if self.archive is not None and self.zoo is None:
            raise ValueError("`archive` is one of a `zoo` model's")
        return self

    @property
    def label(self) -> str:
        """The name that tables show."""
        return self.name or self.sample or self.zoo or self.architecture or Path(str(self.path)).stem

    @property
    def weights(self) -> str:
        """What a row says of the weights: `random` ones have no accuracy."""
        return "random" if self.architecture else "trained"


class TaskSource(Strict):
    """The task: one of the package's by name, or a user's python file with one `Task` subclass in it."""

    name: str | None = Field(None, description="name of a task of the package")
    file: Path | None = Field(None, description="python file with a Task subclass; relative to the recipe")
    options: dict[str, Any] = Field(default_factory=dict, description="the task's own options")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("give either `name` or `file`")
        return self

    @property
    def label(self) -> str:
        """The name that tables show."""
        return self.name or Path(str(self.file)).stem


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


class Measurement(Strict):
    """How latency and accuracy are measured (blocks in alternation: see the README's section on measuring)."""

    scopes: list[Scope] = Field([Scope.RUNTIME, Scope.END_TO_END], min_length=1, description="what a latency covers")
    warmup: int = Field(50, ge=0, description="runs before the first block")
    repeats: int = Field(1000, ge=1, description="counted runs of each model, at least")
    rounds: int = Field(10, ge=2, description="alternating rounds: one block of each model per round")
    block_runs: int = Field(50, ge=1, description="counted runs in a block, at least")
    block_seconds: float = Field(0.3, ge=0, description="counted time of a block, at least")
    discard_runs: int = Field(15, ge=0, description="runs thrown away at the start of a block, at most")
    discard_seconds: float = Field(0.1, ge=0, description="time after which no more runs are thrown away")
    bootstrap: int = Field(1000, ge=20, description="resamples for the interval of the accuracy drop")
    sqnr_images: int = Field(
        32,
        ge=0,
        description="evaluation samples on which outputs are compared with FP32's; 0: none, nothing being evaluated where there is no metric either",
    )
    sqnr_outputs: list[str] = Field(default_factory=list, description="outputs that count for the SQNR; default: all")
    evaluation_limit: int | None = Field(None, ge=1, description="use only the first evaluation samples")
    timeout_s: float = Field(
        1800, gt=0, description="longest silence of a job, which tells its progress while it is at work"
    )


class Column(StrEnum):
    """A figure that a recipe can state an expectation of."""

    METRIC_DROP = "metric_drop"
    METRIC_VALUE = "metric_value"
    SQNR_DB = "sqnr_db"
    MODEL_SIZE_MB = "model_size_mb"
    GFLOPS = "gflops"
    SPEEDUP_VS_FP32 = "speedup_vs_fp32"
    LATENCY_P50_MS = "latency_p50_ms"


SPEED_COLUMNS = frozenset({Column.SPEEDUP_VS_FP32, Column.LATENCY_P50_MS})


class Expectation(Strict):
    """A bound on a figure. Tolerance is absolute for accuracy, relative for size and speed; speed needs a machine kind."""

    where: dict[str, str | bool | int] = Field(description="columns and values that select the rows")
    column: Column = Field(description="the figure")
    minimum: float | None = Field(None, description="the figure must not be below")
    maximum: float | None = Field(None, description="the figure must not be above")
    tolerance: float = Field(
        0.0, ge=0, description="allowed overshoot: points or dB for accuracy, a fraction for size, GFLOPs and speed"
    )
    machine: list[str] = Field(
        default_factory=list, description="checked only on a CPU with all these instruction sets"
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("give `minimum` or `maximum`")
        if self.column in SPEED_COLUMNS and not self.machine:
            raise ValueError(
                f"`{self.column}` holds only on named machine kinds: give `machine`, such as [avx512_vnni]"
            )
        return self


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
    data = read_yaml(path)
    if data.get("kind") == "suite":
        raise InputError(
            f"{path}: a suite of several recipes, which `workbench run` takes; for one of them give the recipe.yaml in its run folder"
        )
    return _absolute(validate(Recipe, data, where=str(path)), path.parent)


def read_yaml(path: Path) -> dict[str, Any]:
    """What a recipe file holds, unchecked; raises InputError when it is no mapping."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: a recipe is a mapping with the keys {', '.join(Recipe.model_fields)}")
    return data


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


def _absolute(recipe: Recipe, folder: Path) -> Recipe:
    def resolve(path: Path | None) -> Path | None:
        return None if path is None else (folder / path.expanduser()).resolve()

    model = recipe.model.model_copy(update={"path": resolve(recipe.model.path), "params": resolve(recipe.model.params)})
    task = recipe.task.model_copy(update={"file": resolve(recipe.task.file)})
    return recipe.model_copy(update={"model": model, "task": task})
