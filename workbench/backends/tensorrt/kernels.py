"""The kernels of a plan, as TensorRT-RTX's builder lists them in its verbose log: what each reads and writes, and in which types."""

import re
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

INT8 = "Int8"
GENERATED = "kgen"  # a generated kernel around the products: activations, sums, rounding to int8
NO_WORK = ("signal", "wait", "shape_call")
BYTES = {"Int8": 1, "UInt8": 1, "Bool": 1, "Half": 2, "BFloat16": 2, "Float": 4, "Int32": 4, "Int64": 8}
TENSOR = re.compile(r"Dimensions: \[([-\d,]*)\][^}]*?Datatype: (\w+)")
SOURCE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")


class Tensor(NamedTuple):
    """What a kernel reads or writes: the lengths of its axes, 1 for that of the batch, and TensorRT's name of its type."""

    shape: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * BYTES[self.kind]


@dataclass(frozen=True)
class Kernel:
    """A kernel of a plan: its name and kind, what it reads and writes, its constants, the ONNX nodes that it stands for."""

    name: str
    kind: str
    reads: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]
    nodes: tuple[str, ...]

    @property
    def multiplies_int8(self) -> bool:
        """Whether it is a library's kernel of int8 activations and int8 weights."""
        first = [tensor.kind for part in (self.reads[:1], self.constants[:1]) for tensor in part]
        return self.kind != GENERATED and first == [INT8, INT8]

    @property
    def traffic(self) -> int:
        """Bytes of activations that go through memory."""
        return sum(tensor.size for tensor in (*self.reads, *self.writes))


def read_kernel(found: dict[str, Any]) -> Kernel:
    """A kernel as `kernels_job` gave it."""
    tensors = {
        part: tuple(Tensor(tuple(shape), kind) for shape, kind in found[part])
        for part in ("reads", "constants", "writes")
    }
    return Kernel(name=found["name"], kind=found["kind"], nodes=tuple(found["nodes"]), **tensors)


def read_kernels(log: str) -> list[Kernel]:
    """The kernels that a builder's verbose log lists, one a line, without those that only wait or find shapes."""
    found = []
    for line in log.splitlines():
        if not line.startswith("Name: ") or ", LayerType: " not in line:
            continue
        name, _, rest = line.removeprefix("Name: ").partition(", LayerType: ")
        kind = rest.partition(",")[0]
        before, _, behind = rest.partition(" Outputs: [")
        inputs, _, constants = before.partition(" Constants: [")
        outputs = behind.partition(" TacticName: ")[0]
        reads, kept, writes = (tuple(map(_tensor, TENSOR.findall(part))) for part in (inputs, constants, outputs))
        if kind not in NO_WORK:
            found.append(Kernel(name, kind, reads, kept, writes, tuple(dict.fromkeys(SOURCE.findall(behind)))))
    return found


def _tensor(found: tuple[str, str]) -> Tensor:
    lengths, kind = found
    return Tensor(tuple(abs(int(length)) for length in lengths.split(",") if length), kind)
