"""A Paddle inference program with its weights, as a graph that rewrites can ask and change."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import import_paddle

PLUMBING = ("feed", "fetch")


def stored_variables(program: Any) -> list[Any]:
    """The variables of a static program that its .pdiparams file holds."""
    return [variable for variable in program.list_vars() if variable.persistable and variable.name not in PLUMBING]


class ProgramGraph:
    """One block of operators in order, each variable written once, and the weights in a scope.

    Operators are Paddle's own (`op.type`, `op.input("X")`, `op.attr("axis")`); change them only through this class,
    which keeps track of who writes and who reads a variable. Build it inside `paddle.static` mode.
    """

    def __init__(self, program: Any, scope: Any, *, feeds: list[str], fetches: list[str]) -> None:
        self.program = program
        self.scope = scope
        self.feeds = feeds
        self.fetches = fetches
        self.permuted: set[str] = set()
        """Variables whose channels a rewrite put in another order."""
        self._block = program.global_block()
        self._write_once()
        self._producers: dict[str, Any] = {}
        self._readers: dict[str, list[Any]] = defaultdict(list)
        for op in self.ops:
            self._connect(op)

    @classmethod
    def load(cls, prefix: Path) -> Self:
        """Read `prefix`.pdmodel and `prefix`.pdiparams."""
        paddle = import_paddle()
        paddle.enable_static()
        scope = paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            program, feeds, fetches = paddle.static.load_inference_model(
                str(prefix), paddle.static.Executor(paddle.CPUPlace())
            )
        return cls(program, scope, feeds=list(feeds), fetches=[variable.name for variable in fetches])

    def save(self, prefix: Path) -> None:
        """Write `prefix`.pdmodel and `prefix`.pdiparams, without the variables that no operator uses."""
        paddle = import_paddle()
        self._drop_unused_variables()
        with paddle.static.scope_guard(self.scope):
            paddle.static.save_inference_model(
                str(prefix),
                [self._block.var(name) for name in self.feeds],
                [self._block.var(name) for name in self.fetches],
                paddle.static.Executor(paddle.CPUPlace()),
                program=self.program,
                skip_prune_program=True,
            )
        forget_attributes(prefix.with_suffix(".pdmodel"))

    @property
    def ops(self) -> list[Any]:
        """The operators, in the order in which they run."""
        return list(self._block.ops)

    def producer(self, name: str) -> Any | None:
        """The operator that writes a variable; None for a weight."""
        return self._producers.get(name)

    def readers(self, name: str) -> list[Any]:
        """The operators that read a variable, `fetch` among them."""
        return list(self._readers.get(name, ()))

    def only_reader(self, name: str) -> Any | None:
        """The operator that reads a variable, if it is one."""
        readers = self._readers.get(name, [])
        return readers[0] if len(readers) == 1 else None

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a variable, -1 for an axis of any length."""
        return tuple(int(axis) for axis in self._block.var(name).shape)

    def dtype(self, name: str) -> Any:
        """Dtype of a variable, as Paddle has it."""
        return self._block.var(name).dtype

    def is_weight(self, name: str) -> bool:
        """Whether a variable is stored with the model."""
        return self._block.has_var(name) and self._block.var(name).persistable and name not in PLUMBING

    def value(self, name: str) -> NDArray[Any]:
        """A copy of a weight."""
        return np.array(self.scope.find_var(name).get_tensor())

    def set_value(self, name: str, value: NDArray[Any]) -> None:
        """Replace a weight by one of the same shape; it keeps its dtype."""
        self._store(name, value.astype(self.value(name).dtype))

    def add_weight(self, name: str, value: NDArray[Any]) -> str:
        """Store a new weight, or turn the variable of this name into one; returns its name."""
        old = self._block.var(name) if self._block.has_var(name) else None
        if old is not None:
            self._block._remove_var(name, sync=False)
        self._block.create_var(name=name, shape=value.shape, dtype=str(value.dtype), persistable=True)
        self._store(name, value)
        return name

    def new_name(self, base: str) -> str:
        """`base`, or `base` with a number if there is such a variable."""
        name, number = base, 0
        while self._block.has_var(name):
            number += 1
            name = f"{base}_{number}"
        return name

    def new_variable(self, base: str, *, like: str) -> str:
        """A new activation with the dtype of another; Paddle infers its shape from the operator that writes it."""
        name = self.new_name(base)
        self._block.create_var(name=name, dtype=self.dtype(like), persistable=False)
        return name

    def insert(
        self,
        kind: str,
        *,
        inputs: dict[str, list[str]],
        outputs: dict[str, list[str]],
        attrs: dict[str, Any],
        after: Any,
    ) -> Any:
        """Add an operator behind another one."""
        op = self._block._insert_op_without_sync(
            self._block.ops.index(after) + 1, type=kind, inputs=inputs, outputs=outputs, attrs=attrs
        )
        self._connect(op)
        return op

    def remove(self, ops: Iterable[Any]) -> None:
        """Take operators out. Whoever reads what they wrote must have been given something else."""
        for op in ops:
            self._disconnect(op)
            self._block._remove_op(self._block.ops.index(op), sync=False)

    def set_input(self, op: Any, slot: str, names: list[str]) -> None:
        """Give an operator other inputs."""
        self._disconnect(op)
        op.desc.set_input(slot, names)
        self._connect(op)

    def set_output(self, op: Any, slot: str, names: list[str]) -> None:
        """Let an operator write other variables."""
        self._disconnect(op)
        op.desc.set_output(slot, names)
        self._connect(op)

    def replace_reads(self, old: str, new: str) -> None:
        """Let everyone who reads `old` read `new`."""
        for op in self.readers(old):
            self.rename_input(op, old, new)

    def rename_input(self, op: Any, old: str, new: str) -> None:
        """Let an operator read `new` where it reads `old`."""
        self._disconnect(op)
        op._rename_input(old, new)
        self._connect(op)

    def infer_shape(self, op: Any) -> None:
        """Let Paddle find the shapes of an operator's outputs again, after its inputs' or attributes changed."""
        if op.type not in PLUMBING:
            op.desc.infer_shape(self._block.desc)

    def _store(self, name: str, value: NDArray[Any]) -> None:
        tensor = self.scope.var(name).get_tensor()
        tensor.set(np.ascontiguousarray(value), import_paddle().CPUPlace())

    def _connect(self, op: Any) -> None:
        for name in dict.fromkeys(op.input_arg_names):
            self._readers[name].append(op)
        for name in op.output_arg_names:
            # batch_norm names its running mean and variance among its outputs: they stay weights.
            if not self.is_weight(name):
                self._producers[name] = op

    def _disconnect(self, op: Any) -> None:
        for name in dict.fromkeys(op.input_arg_names):
            self._readers[name].remove(op)
        for name in op.output_arg_names:
            if self._producers.get(name) is op:
                del self._producers[name]

    def _write_once(self) -> None:
        """Give every write but a variable's last one a name of its own, so that a name means one value."""
        writes: dict[str, int] = defaultdict(int)
        for op in self._block.ops:
            for name in op.output_arg_names:
                writes[name] += not self.is_weight(name)
        current: dict[str, str] = {}
        for op in self._block.ops:
            if op.type == "fetch":
                continue
            for name in dict.fromkeys(op.input_arg_names):
                if name in current:
                    op._rename_input(name, current[name])
            for name in dict.fromkeys(op.output_arg_names):
                if name in PLUMBING or not writes[name]:
                    continue
                writes[name] -= 1
                current[name] = name
                if writes[name]:
                    current[name] = self.new_name(f"{name}.before")
                    old = self._block.var(name)
                    self._block.create_var(name=current[name], shape=old.shape, dtype=old.dtype, persistable=False)
                    op._rename_output(name, current[name])

    def _drop_unused_variables(self) -> None:
        used = {name for op in self._block.ops for name in (*op.input_arg_names, *op.output_arg_names)}
        for name in set(self._block.vars) - used - set(PLUMBING):
            self._block._remove_var(name, sync=False)


def forget_attributes(file: Path, *endings: str) -> None:
    """Take out of a program where in the Python code each operator was made, and the attributes whose names end so.

    Equal networks shall be equal files.
    """
    program = import_paddle().static.deserialize_program(file.read_bytes())
    for op in program.global_block().ops:
        for name in op.attr_names:
            if name.endswith(("op_callstack", *endings)):
                op.desc.remove_attr(name)
    file.write_bytes(program.desc.serialize_to_string())
