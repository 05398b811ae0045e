"""Model: an immutable folder of files with a manifest that says what it is and where it came from."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import InputError
from workbench.files import content_hash, file_digest, write_json
from workbench.models.scales import Scales
from workbench.models.side_files import SIDE_FILES, copy_side_files, side_files

MANIFEST = "manifest.json"
STORED = "stored"
"""Folder in a Model for the network as it is shipped, where that is not the one that the backends here open."""
MEGABYTE = 1e6
COMPLEXITY_UNITS = {"params_m": "M parameters", "gflops": "GFLOPs"}


class Format(StrEnum):
    """How a Model's network is stored."""

    PADDLE = "paddle"
    ONNX = "onnx"
    ENGINE = "engine"


class TensorSpec(BaseModel):
    """Name, dtype (numpy's name) and shape of an input or output; -1 stands for an axis of any length."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'x'.join('N' if axis < 0 else str(axis) for axis in self.shape)}"


def matching_inputs(specs: Sequence[TensorSpec], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The arrays in the order of `specs`; raises InputError for a wrong name, dtype or shape."""
    names = ", ".join(str(spec) for spec in specs)
    for spec in specs:
        value = inputs.get(spec.name)
        if value is None:
            raise InputError(f"input {spec.name!r} is missing; the model needs: {names}")
        if value.dtype != spec.dtype:
            raise InputError(
                f"input {spec.name!r}: dtype {value.dtype} given, the model takes {spec.dtype}; cast it in the task's preprocess"
            )
        if len(value.shape) != len(spec.shape) or any(
            want not in (have, -1) for have, want in zip(value.shape, spec.shape, strict=True)
        ):
            raise InputError(
                f"input {spec.name!r}: shape {list(value.shape)} given, the model takes {list(spec.shape)}; mend the task's preprocess"
            )
    if len(inputs) != len(specs):
        unknown = sorted(set(inputs) - {spec.name for spec in specs})
        raise InputError(f"input {unknown[0]!r}: the model has none of this name; it has: {names}")
    return [inputs[spec.name] for spec in specs]


class Manifest(BaseModel):
    """What a Model is. `inputs` and `outputs` keep their names and order through every transformation.

    Where `files` has some below `stored/`, those are the network as it is shipped; the others are what backends here open.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = 1
    name: str
    format: Format
    precision: str = "fp32"
    method: str = "none"
    variant: str = ""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parent: str = ""
    float_twin: str = Field("", description="digest of the float network with the same weights")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the step that made it")
    tensor_map: dict[str, str] = Field(
        default_factory=dict, description="source name -> name here, where a step renamed tensors"
    )
    scales: Scales = Field(default_factory=Scales, description="ranges of a quantized network's tensors")
    left_to_task: dict[str, Any] = Field(
        default_factory=dict, description="work on the outputs that was cut off the network: `nms`, with its settings"
    )
    facts: dict[str, Any] = Field(default_factory=dict, description="parameters, GFLOPs, seconds it took, and the like")
    versions: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict, description="sha256 of every file")


class Model:
    """A Model on disk."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: Path, *, verify: bool = False) -> Self:
        """Open a Model; raises InputError when the folder holds none or, with `verify`, when a file was changed."""
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                f"model {folder}: no {MANIFEST} in it; it is not a folder that the workbench made"
            ) from None
        except (ValidationError, UnicodeDecodeError) as error:
            raise InputError(
                f"model {folder}: {MANIFEST} is broken ({str(error).splitlines()[0]}); make the model again"
            ) from None
        model = cls(folder, manifest)
        if verify:
            model._verify()
        return model

    @classmethod
    @contextmanager
    def build(cls, parent: Path, *, source: "Model | None" = None) -> Iterator["Draft"]:
        """Make a Model below `parent`: fill `draft.folder`, set `draft.manifest`; it lands under its digest in one step.

        What travels with the Model `source`, of which it is made, is there already.
        """
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=parent) as scratch:
            draft = Draft(Path(scratch) / "model")
            draft.folder.mkdir()
            if source is not None:
                copy_side_files(side_files(source.folder), draft.folder)
            yield draft
            draft.land(parent)

    @property
    def digest(self) -> str:
        """Names the Model by its content: files, inputs, outputs, scales and how it is to be run."""
        kept = {
            "name",
            "format",
            "precision",
            "method",
            "variant",
            "inputs",
            "outputs",
            "files",
            "scales",
            "float_twin",
            "left_to_task",
        }
        return content_hash(self.manifest.model_dump(mode="json", include=kept))

    @property
    def float_twin(self) -> "Model":
        """The float network with this quantized Model's weights, which lies beside it.

        Raises InputError when the Model names none (it was quantized elsewhere) or when its folder is gone.
        """
        if not self.manifest.float_twin:
            raise InputError(f"model {self.label}: it names no float twin; quantize it with the workbench")
        return Model.open(self.folder.parent / self.manifest.float_twin)

    @property
    def label(self) -> str:
        """Name for messages: model, method and variant."""
        parts = [self.manifest.name, self.manifest.method, self.manifest.variant]
        return "/".join(part for part in parts if part and part != "none")

    def summary(self) -> str:
        """What the Model is, in five lines."""
        manifest, facts = self.manifest, self.manifest.facts
        rewrites = facts.get("clean_up", {}).get("applied", {})
        cleaned = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rewrites.items())
        complexity = [f"{facts[key]:g} {unit}" for key, unit in COMPLEXITY_UNITS.items() if facts.get(key) is not None]
        made = ", ".join(f"{name} {version}" for name, version in manifest.versions.items() if version)
        return "\n".join(
            (
                f"model    {self.label} ({manifest.format}, {manifest.precision})",
                f"inputs   {', '.join(map(str, manifest.inputs))}",
                f"outputs  {', '.join(map(str, manifest.outputs))}",
                f"size     {', '.join([f'{self.size_mb:.2f} MB', *complexity])}",
                f"made by  {made}{f', from {manifest.parent}' if manifest.parent else ''}{f'; cleaned: {cleaned}' if cleaned else ''}",
            )
        )

    @property
    def size_mb(self) -> float:
        """Size of the network's files in MB (1e6 bytes): of those below `stored/` alone, where it has such."""
        network = [name for name in self.manifest.files if name not in SIDE_FILES]
        shipped = [name for name in network if name.startswith(f"{STORED}/")]
        return sum((self.folder / name).stat().st_size for name in shipped or network) / MEGABYTE

    @property
    def paddle_prefix(self) -> Path:
        """Path of a Paddle Model's files without their endings."""
        return self.folder / "model"

    @property
    def onnx_file(self) -> Path:
        """Path of an ONNX Model's file."""
        return self.folder / "model.onnx"

    def _verify(self) -> None:
        for name, digest in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file() or file_digest(path) != digest:
                raise InputError(
                    f"model file {path}: missing or changed since it was made; remove {self.folder} and run again"
                )


class Draft:
    """A Model while it is being made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest | None = None
        self.model: Model | None = None

    def land(self, parent: Path) -> None:
        """Write the manifest and move the folder to its place; an equal Model that is there already is kept."""
        if self.manifest is None:
            raise ValueError("a draft needs its manifest before it can land")
        files = {str(p.relative_to(self.folder)): file_digest(p) for p in sorted(self.folder.rglob("*")) if p.is_file()}
        manifest = self.manifest.model_copy(update={"files": files})
        write_json(self.folder / MANIFEST, manifest.model_dump(mode="json"))
        target = parent / Model(self.folder, manifest).digest
        try:
            self.folder.rename(target)
        except OSError:
            if not (target / MANIFEST).is_file():
                raise
        self.model = Model.open(target)


def copy_files(source: Model, target: Path) -> None:
    """Copy a Model's files (its manifest excepted) into another folder."""
    for name in source.manifest.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.folder / name, target / name)
