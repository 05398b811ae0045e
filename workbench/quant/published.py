"""A model that others quantized, deployed as it is: a published archive of the zoo, or a file of the user's."""

import shutil
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import Field

from workbench.errors import InputError, UnsupportedError
from workbench.experiment import ModelSource
from workbench.models.importers import copy_paddle_files, find_paddle_files, load_program, source_files, specs_of
from workbench.models.model import Format, Model, TensorSpec
from workbench.models.onnx_file import onnx_specs, read_onnx
from workbench.models.scales import Scales
from workbench.models.side_files import copy_side_files, side_files
from workbench.models.strip_nms import strip_nms
from workbench.models.zoo import int8_archive
from workbench.quant.base import Fetch, MethodOptions
from workbench.quant.write import Origin
from workbench.worker import Channel

ONNX_QUANTIZED = ("QuantizeLinear", "QLinear", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear")


class QuantizedFormat(StrEnum):
    """How a network says that it is quantized."""

    NEW = "quantize_linear"
    """PaddleSlim's, with `onnx_format=True`."""
    OLD = "fake_quantize"
    """PaddleSlim's without it, and of all versions before 2.3."""
    ONNX = "onnx"


class PublishedOptions(MethodOptions):
    """Options of a model that is quantized already. Without `path` it is the zoo model's own published one."""

    path: Path | None = Field(
        None, description="quantized model: Paddle folder, .pdmodel or stem, or ONNX file; relative to the recipe"
    )
    params: Path | None = Field(None, description=".pdiparams file, where its stem differs from the .pdmodel file's")
    archive: str | None = Field(None, description="file name of the zoo model's archive; default: its first INT8 one")

    def variant(self) -> str:
        """The file's name, where there is a choice."""
        return self.path.stem if self.path else (self.archive or "").partition(".")[0]

    def located(self, model: ModelSource, folder: Path, *, fetch: Fetch) -> Self:
        """The files' absolute paths, fetched where they are the zoo's."""
        if self.path is not None:
            params = (folder / self.params.expanduser()).resolve() if self.params else None
            return self.model_copy(update={"path": (folder / self.path.expanduser()).resolve(), "params": params})
        if model.zoo is None:
            raise InputError(
                "method published: give the quantized model as `path`; only a `zoo` model has a published one"
            )
        found = fetch(model.zoo, int8_archive(model.zoo, self.archive))
        return self.model_copy(update={"path": found.path, "params": found.params})

    def files(self, folder: Path) -> list[Path]:
        """The quantized model's."""
        return source_files(ModelSource(path=self.path, params=self.params)) if self.path else []


class Taken(NamedTuple):
    """What came out of a file: its inputs and outputs, how it is quantized, and what was cut off and left to the task."""

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    quantized: QuantizedFormat
    left_to_task: dict[str, Any]


def publish_job(
    channel: Channel, *, model: str, task: dict[str, Any], method: str, options: dict[str, Any], variant: str, kept: str, models: str
) -> dict[str, Any]:  # fmt: skip
    """Worker job: take a quantized network in as the INT8 form of the float Model in folder `model`; returns digest and seconds.

    Inputs and outputs get the float Model's names. Raises InputError when the network cannot be read or is another one,
    UnsupportedError when it is not quantized.
    """
    settings = PublishedOptions.model_validate(options)
    source = Model.open(Path(model))
    start = time.perf_counter()
    given = ModelSource(path=settings.path, params=settings.params)
    with Model.build(Path(models)) as draft:
        inputs, outputs, found, left = _take(given, draft.folder, cut=bool(source.manifest.left_to_task))
        copy_side_files(side_files(source.folder), draft.folder)
        origin = Origin(
            method, variant, settings.model_dump(mode="json", exclude={"path", "params"}), parent=source.digest
        )
        facts = {key: value for key, value in source.manifest.facts.items() if key != "clean_up"}
        draft.manifest = source.manifest.model_copy(
            update=origin.manifest_fields()
            | {
                "format": Format.ONNX if found is QuantizedFormat.ONNX else Format.PADDLE,
                "precision": "int8",
                "inputs": _named_alike(source.manifest.inputs, inputs, "input", given),
                "outputs": _named_alike(source.manifest.outputs, outputs, "output", given),
                "tensor_map": {},
                "float_twin": "",
                "scales": Scales(),
                "left_to_task": left,
                "facts": facts | {"quantized_format": str(found), "note": "quantized by others, deployed as it is"},
            }
        )
    assert draft.model is not None
    return {"digest": draft.model.digest, "seconds": time.perf_counter() - start}


def _take(given: ModelSource, folder: Path, *, cut: bool) -> Taken:
    """Copy the network into `folder`; `cut`: without its suppression, as the float model is."""
    assert given.path is not None
    if given.path.suffix == ".onnx":
        network = read_onnx(given.path)
        if not any(node.op_type.startswith(ONNX_QUANTIZED) for node in network.graph.node):
            raise UnsupportedError(f"model {given.path}: no operator in it is quantized, so it is not an INT8 model")
        shutil.copyfile(given.path, folder / "model.onnx")
        return Taken(*onnx_specs(network), QuantizedFormat.ONNX, {})
    prefix = folder / "model"
    copy_paddle_files(find_paddle_files(given.path, given.params), folder)
    left = strip_nms(prefix, required=True) if cut else {}
    program, feeds, fetches, _ = load_program(given, prefix)
    block = program.global_block()
    types = {op.type for op in block.ops}
    old = any(kind.startswith(("fake_quantize", "fake_channel_wise", "fake_dequantize")) for kind in types)
    if not old and "quantize_linear" not in types:
        raise UnsupportedError(f"model {given.path}: no operator in it is quantized, so it is not an INT8 model")
    inputs = specs_of([block.var(name) for name in feeds])
    return Taken(inputs, specs_of(fetches), QuantizedFormat.OLD if old else QuantizedFormat.NEW, left)


def _named_alike(
    wanted: Sequence[TensorSpec], found: Sequence[TensorSpec], role: str, given: ModelSource
) -> tuple[TensorSpec, ...]:
    """`found`, in its own order, under the names of `wanted`: by name where both have the same ones, otherwise by place."""
    if {spec.name for spec in found} != {spec.name for spec in wanted} and len(found) == len(wanted):
        found = [theirs.model_copy(update={"name": ours.name}) for ours, theirs in zip(wanted, found, strict=True)]
    by_name = {spec.name: spec for spec in wanted}
    for theirs in found:
        ours = by_name.get(theirs.name)
        if ours is None or len(found) != len(wanted) or not _fits(ours, theirs):
            raise InputError(
                f"model {given.path}: its {role}s are {', '.join(map(str, found))}, and the float model's "
                f"{', '.join(map(str, wanted))}; give the quantized form of the same model"
            )
    return tuple(found)


def _fits(ours: TensorSpec, theirs: TensorSpec) -> bool:
    axes = list(zip(ours.shape, theirs.shape, strict=False))
    return (
        ours.dtype == theirs.dtype
        and len(ours.shape) == len(theirs.shape)
        and all(-1 in pair or pair[0] == pair[1] for pair in axes)
    )
