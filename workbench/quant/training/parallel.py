"""Several processes that take the same steps, each from its part of every batch: data-parallel training.

Paddle's static programs exchange values with the operator `c_allreduce_sum`, through what `init_parallel_env` set up: gloo between
CPU processes, NCCL between GPUs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.compatibility import import_paddle

FORWARD, BACKWARD = 0, 1
ROLE = "op_role"
RUNNING = {"batch_norm": ("MeanOut", "VarianceOut"), "quantize_linear": ("OutState", "OutAccum", "OutScale")}


@dataclass(frozen=True)
class Group:
    """Which of the processes this is, and how many there are."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> "Group":
        """Meet the other processes that `paddle.distributed.launch` started; returns when all are there."""
        paddle = import_paddle()
        paddle.disable_static()
        paddle.distributed.init_parallel_env()
        paddle.enable_static()
        return cls(paddle.distributed.get_rank(), paddle.distributed.get_world_size())


ALONE = Group()


class Averaging:
    """An optimizer that follows the mean of all processes' gradients."""

    def __init__(self, optimizer: Any, group: Group) -> None:
        self._optimizer, self._group = optimizer, group

    def minimize(self, loss: Any) -> None:
        """Add the backward pass, the exchange and the update to the loss's program."""
        pairs = self._optimizer.backward(loss)
        average(loss.block, [gradient.name for _, gradient in pairs], self._group, role=BACKWARD)
        self._optimizer.apply_gradients(pairs)


def average(block: Any, names: Iterable[str], group: Group, *, role: int = FORWARD) -> None:
    """Add operators that replace each tensor by its mean over the processes; none for a process that is alone."""
    if group.size == 1:
        return
    for name in names:
        shared = {"inputs": {"X": [name]}, "outputs": {"Out": [name]}}
        block.append_op(type="c_allreduce_sum", attrs={"ring_id": 0, "use_calc_stream": True, ROLE: role}, **shared)
        block.append_op(type="scale", attrs={"scale": 1.0 / group.size, ROLE: role}, **shared)


def average_running_values(program: Any, group: Group) -> None:
    """Let the running statistics of batch normalizations and of ranges be the same in all processes."""
    block = program.global_block()
    names = [
        name
        for op in block.ops
        for part in RUNNING.get(op.type, ())
        if part in op.output_names
        for name in op.output(part)
    ]
    average(block, dict.fromkeys(names), group)
