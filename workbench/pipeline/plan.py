"""From a recipe to the cells of its result table: which model runs on which backend, and how."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

from workbench.backends.base import Settings
from workbench.errors import InputError
from workbench.experiment import Deployment, Quantization, Recipe, ThreadCount
from workbench.files import content_hash
from workbench.machine import this_machine
from workbench.quant.registry import METHODS
from workbench.records import Device, Precision

FLOAT_MODEL = "fp32"


@dataclass(frozen=True)
class Cell:
    """One deployment of one model; it has one result row a scope. `model` is FLOAT_MODEL or the key of a model that was made."""

    model: str
    method: str
    variant: str
    backend: str
    device: Device
    precision: Precision
    pinned: bool
    threads: int
    batch: int
    required: bool
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A readable name that no other cell of the recipe has; fit for file names."""
        parts = [self.backend, self.device, self.precision, f"t{self.threads}", f"b{self.batch}"]
        return "-".join([*parts, *(["pinned"] if self.pinned else []), self.model])

    @property
    def selector(self) -> str:
        """What `--only` takes: backend/device/precision, and the method where it is not the float model itself."""
        tail = "" if self.model == FLOAT_MODEL else f"/{self.method}"
        return f"{self.backend}/{self.device}/{self.precision}{tail}"

    @property
    def group(self) -> tuple[Any, ...]:
        """Cells with an equal group are measured against each other: they differ in model, precision and pinning only."""
        return (self.backend, self.device, self.threads, self.batch, content_hash(self.options))

    @property
    def is_baseline(self) -> bool:
        """Whether this is the FP32 cell that the others of its group are compared with."""
        return self.precision is Precision.FP32 and self.model == FLOAT_MODEL

    def settings(self, *, batch: int | None = None) -> Settings:
        """How the backend is to open the model."""
        return Settings(
            device=self.device,
            precision=self.precision,
            pinned=self.pinned,
            threads=self.threads,
            batch=batch or self.batch,
            options=self.options,
        )

    def as_dict(self) -> dict[str, Any]:
        """As states and job files hold it."""
        return asdict(self)


def cell_from_dict(data: dict[str, Any]) -> Cell:
    """A cell as `as_dict` wrote it."""
    return Cell(**data | {"device": Device(data["device"]), "precision": Precision(data["precision"])})


def model_key(entry: Quantization) -> str:
    """Names a quantized model within its recipe: method and variant."""
    variant = variant_of(entry)
    return f"{entry.method}-{variant}" if variant else entry.method


def variant_of(entry: Quantization) -> str:
    """The variant that the recipe gives, or the one that follows from the options and the accuracy asked for."""
    within = f"-within{entry.accuracy.max_drop:g}" if entry.accuracy else ""
    return entry.variant or METHODS[entry.method].parse(entry.options).variant() + within


def cells(recipe: Recipe) -> list[Cell]:
    """Every cell of the result table; a cell that two deployments name is one, required when either says so.

    Raises InputError for two quantized models, or two deployments with other options, that could not be told apart.
    """
    keys = [model_key(entry) for entry in recipe.quantize]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise InputError(
            f"recipe {recipe.name}: two `quantize` entries are both {twice!r}; give one of them a `variant`"
        )
    found: dict[str, Cell] = {}
    for cell in (cell for deployment in recipe.deploy for cell in _cells_of(deployment, recipe.quantize)):
        other = found.get(cell.key, cell)
        if other.options != cell.options:
            raise InputError(f"recipe {recipe.name}: {cell.key} is deployed twice with different options; keep one")
        found[cell.key] = replace(cell, required=cell.required or other.required)
    return list(found.values())


def matching(all_cells: Iterable[Cell], only: str) -> set[str]:
    """Keys of the cells that `--only` names; raises InputError, with the choices, when it names none."""
    listed = list(all_cells)
    keys = {
        cell.key for cell in listed if only == cell.key or cell.selector == only or cell.selector.startswith(f"{only}/")
    }
    if not keys:
        raise InputError(
            f"--only {only!r}: no such row; rows are: {', '.join(dict.fromkeys(cell.selector for cell in listed))}"
        )
    return keys


def _models(precision: Precision, quantizations: list[Quantization]) -> Iterator[tuple[str, str, str]]:
    """Key, method and variant of the models that compute in such a precision."""
    if not precision.is_quantized:
        yield FLOAT_MODEL, "none", ""
    for entry in quantizations:
        if METHODS[entry.method].integer == precision.is_quantized:
            yield model_key(entry), entry.method, variant_of(entry)


def _cells_of(deployment: Deployment, quantizations: list[Quantization]) -> Iterator[Cell]:
    cores = this_machine().cores
    for threads, batch, precision, pinned in product(
        (cores if given is ThreadCount.ALL else int(given) for given in deployment.threads),
        deployment.batch,
        deployment.precision,
        deployment.pinned,
    ):
        for key, method, variant in _models(precision, quantizations):
            yield Cell(
                model=key,
                method=method,
                variant=variant,
                backend=deployment.backend,
                device=deployment.device,
                precision=precision,
                # FP32 is the baseline, and there is one: with copies through ordinary memory.
                pinned=pinned and precision is not Precision.FP32,
                threads=threads,
                batch=batch,
                required=deployment.required,
                options=deployment.options,
            )
