"""What a model file says of itself: format, inputs, outputs, operators."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from workbench.errors import InputError
from workbench.experiment import ModelSource
from workbench.models.importers import copy_paddle_files, find_paddle_files, load_program, specs_of
from workbench.models.model import Format, TensorSpec
from workbench.models.onnx_file import onnx_specs, read_onnx
from workbench.worker import Channel

QUANTIZED = ("quantize_linear", "fake_quantize", "fake_channel_wise", "QuantizeLinear", "QLinear")


class Description(BaseModel):
    """A model file, as it says itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Format
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: frozenset[str]

    @property
    def quantized(self) -> bool:
        """Whether there are quantized operators in it."""
        return any(kind.startswith(QUANTIZED) for kind in self.operators)

    @property
    def image(self) -> TensorSpec | None:
        """The one input that takes colour images, float [n, 3, height, width]; None where there is not exactly one."""
        found = [i for i in self.inputs if len(i.shape) == 4 and i.shape[1] == 3 and i.dtype.startswith("float")]
        return found[0] if len(found) == 1 else None


def describe_job(channel: Channel, *, path: str, params: str | None, scratch: str) -> dict[str, Any]:
    """Worker job: the `Description` of a model file, as JSON. Raises InputError when it cannot be read."""
    source = ModelSource(path=Path(path), params=Path(params) if params else None)
    described = _describe_onnx(Path(path)) if path.endswith(".onnx") else _describe_paddle(source, Path(scratch))
    return described.model_dump(mode="json")


def _describe_onnx(path: Path) -> Description:
    from onnx import shape_inference

    network = read_onnx(path)
    inputs, outputs = onnx_specs(network)
    if any(not spec.shape for spec in outputs):
        inputs, outputs = onnx_specs(shape_inference.infer_shapes(network))
    if not outputs:
        raise InputError(f"model {path}: it has no output")
    operators = frozenset(node.op_type for node in network.graph.node)
    return Description(format=Format.ONNX, inputs=tuple(inputs), outputs=tuple(outputs), operators=operators)


def _describe_paddle(source: ModelSource, scratch: Path) -> Description:
    assert source.path is not None
    copy_paddle_files(find_paddle_files(source.path, source.params), scratch)
    program, feeds, fetches, _ = load_program(source, scratch / "model")
    block = program.global_block()
    return Description(
        format=Format.PADDLE,
        inputs=tuple(specs_of([block.var(name) for name in feeds])),
        outputs=tuple(specs_of(fetches)),
        operators=frozenset(op.type for op in block.ops),
    )
