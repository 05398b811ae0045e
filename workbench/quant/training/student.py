"""A float inference program made trainable: its weights, a teacher beside it, the loss, the optimizer and the rounding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import (
    faster_graph_passes,
    import_paddle,
    import_paddleslim_quant,
    merge_teacher,
    trainable_program,
)
from workbench.errors import InputError
from workbench.models.cleanup.program_graph import stored_variables
from workbench.models.model import Model
from workbench.quant.program import SKIPPED
from workbench.quant.training.options import (
    Distillation,
    FakeQuantization,
    Loss,
    Optimizer,
    Plan,
    Training,
    TrainingDevice,
)
from workbench.quant.training.parallel import Averaging, Group, average, average_running_values

TEACHER = "teacher_"
OWN = "training_"
SOFTMAX = "softmax"
LabelLoss = Callable[[dict[str, Any], dict[str, Any]], Any]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Lessons:
    """What a student learns from.

    `labels`: one sample's labels by name, without a batch axis, for their dtypes and shapes; `label_loss` turns the model's output
    variables and the label variables, both by name, into a scalar variable. `teacher`: a float Model. `absmax`: the
    largest absolute value that calibration saw of each activation, from which ranges start.
    """

    labels: Arrays
    label_loss: LabelLoss | None
    teacher: Model | None
    absmax: Mapping[str, float]


class Student:
    """The program that training runs, in a scope of its own."""

    def __init__(
        self, source: Model, plan: Plan, lessons: Lessons, *, rate: Callable[[int], float], group: Group
    ) -> None:
        """Make the program; `rate` gives the learning rate of an iteration; `group`: the processes that train together.

        Raises InputError for tensors that the network does not have, and for a GPU that Paddle does not see.
        """
        self._paddle = import_paddle()
        import_paddleslim_quant()
        self._group = group
        self._paddle.enable_static()
        self._paddle.seed(plan.train.seed)
        self._executor = self._paddle.static.Executor(_place(self._paddle, plan.train.device))
        self._scope = self._paddle.static.Scope()
        startup = self._paddle.static.Program()
        # New variables are named alike in every process, and apart from the network's own, which Paddle named likewise.
        with self._paddle.static.scope_guard(self._scope), self._paddle.utils.unique_name.guard(OWN):
            self._load(source)
            if plan.quantize is not None:
                self._leave_in_float(plan.quantize.skip_tensors)
            if lessons.teacher is not None:
                self._add_teacher(lessons.teacher)
            with self._paddle.static.program_guard(self._program, startup):
                losses = self._losses(plan, lessons)
                self._loss = self._paddle.add_n(losses)
                self._schedule = self._minimize(plan.train, rate)
            self._executor.run(startup)
            if plan.quantize is not None:
                self._round(plan.quantize, lessons.absmax, rate)
            average_running_values(self._program, group)

    def step(self, iteration: int, inputs: Sequence[NDArray[Any]], labels: Arrays) -> float:
        """One training step on a batch of inputs, in the order of the model's, and labels by name; returns the loss."""
        self._schedule.step(iteration)
        feed = dict(zip(self._feeds, inputs, strict=True)) | labels
        with self._paddle.static.scope_guard(self._scope):
            (loss,) = self._executor.run(self._program, feed=feed, fetch_list=[self._loss])
        return float(np.mean(loss))

    def state(self) -> Arrays:
        """Everything that training changes: weights, and the running values of the optimizer and of the ranges."""
        names = {v.name for v in stored_variables(self._program)}
        found = {name: self._value(name) for name in sorted(names) if not name.startswith(TEACHER)}
        return {self._kept_as.get(name, name): value for name, value in found.items() if value is not None}

    def restore(self, state: Arrays) -> None:
        """Go back to what `state` returned."""
        own_names = {kept: name for name, kept in self._kept_as.items()}
        for name, value in state.items():
            self._scope.var(own_names.get(name, name)).get_tensor().set(value, self._executor.place)

    def weights(self) -> Arrays:
        """The network's own stored tensors, as they are now."""
        return {name: value for name, value in self.state().items() if name in self._stored}

    def ranges(self) -> dict[str, float]:
        """The largest absolute value that each rounded activation can keep, as training left it."""
        found = {name: self._value(f"{name}@scale") for name in sorted(self._rounded)}
        return {name: float(np.ravel(value)[0]) for name, value in found.items() if value is not None}

    def _load(self, source: Model) -> None:
        program, self._feeds, fetches = self._paddle.static.load_inference_model(
            str(source.paddle_prefix), self._executor
        )
        self._outputs = dict(
            zip((spec.name for spec in source.manifest.outputs), (v.name for v in fetches), strict=True)
        )
        self._program = trainable_program(program, prefix=OWN)
        self._stored = {v.name for v in stored_variables(program)}
        self._rounded: set[str] = set()
        self._kept_as: dict[str, str] = {}

    def _variable(self, name: str, *, key: str) -> Any:
        block = self._program.global_block()
        if not block.has_var(name):
            near = get_close_matches(name, [n for n in block.vars if not n.startswith(TEACHER)], n=3, cutoff=0.0)
            raise InputError(f"{key}: the network has no tensor {name!r}; the nearest that it has: {', '.join(near)}")
        return block.var(name)

    def _leave_in_float(self, tensors: tuple[str, ...]) -> None:
        for name in tensors:
            self._variable(name, key="skip_tensors")
        for op in self._program.global_block().ops:
            if set(op.input_arg_names) & set(tensors):
                op._set_attr("op_namescope", SKIPPED)

    def _add_teacher(self, teacher: Model) -> None:
        """Put the teacher's operators beside the student's, under other names, fed by the same inputs."""
        scope = self._paddle.static.Scope()
        with self._paddle.static.scope_guard(scope):
            program, feeds, fetches = self._paddle.static.load_inference_model(
                str(teacher.paddle_prefix), self._executor
            )
        self._teacher_outputs = [TEACHER + v.name for v in fetches]
        if list(feeds) != list(self._feeds):
            raise InputError(
                f"teacher: its inputs are {', '.join(feeds)}, the model's are {', '.join(self._feeds)}; both must have the same"
            )
        merge_teacher(
            program, self._program, feeds, place=self._executor.place, scope=self._scope, teacher_scope=scope,
            prefix=TEACHER,
        )  # fmt: skip

    def _losses(self, plan: Plan, lessons: Lessons) -> list[Any]:
        losses = []
        if lessons.label_loss is not None:
            labels = {
                name: self._paddle.static.data(name, [-1, *value.shape], str(value.dtype))
                for name, value in lessons.labels.items()
            }
            outputs = {spec: self._variable(name, key="outputs") for spec, name in self._outputs.items()}
            losses.append(self._paddle.mean(lessons.label_loss(outputs, labels)))
        if plan.distill is not None:
            losses.append(self._distance(plan.distill) * plan.distill.alpha)
        return losses

    def _distance(self, distill: Distillation) -> Any:
        """The mean over all compared tensors of the distance between the student's and the teacher's."""
        names = [(name, TEACHER + name) for name in distill.nodes] or self._paired_outputs()
        pairs = [(self._variable(mine, key="distill.nodes"), self._variable(its, key="teacher")) for mine, its in names]
        return self._paddle.add_n([self._loss_of(distill, *pair) for pair in pairs]) / len(pairs)

    def _paired_outputs(self) -> list[tuple[str, str]]:
        """The network's outputs and the teacher's, in order: their names need not be alike."""
        mine, its = list(self._outputs.values()), self._teacher_outputs
        if len(mine) != len(its):
            raise InputError(
                f"teacher: it has {len(its)} outputs, the model has {len(mine)}; name the tensors to compare in distill.nodes"
            )
        before = map(self._before_softmax, mine), map(self._before_softmax, its)
        return list(dict.fromkeys(zip(*before, strict=True)))

    def _loss_of(self, distill: Distillation, student: Any, teacher: Any) -> Any:
        functional = self._paddle.nn.functional
        if distill.loss is Loss.L2:
            return functional.mse_loss(student, teacher)
        mine, its = (functional.log_softmax(x / distill.temperature, axis=-1) for x in (student, teacher))
        # The divergence's gradient shrinks with the square of the temperature (G. Hinton et al., "Distilling the knowledge", 2015).
        return functional.kl_div(mine, self._paddle.exp(its), reduction="batchmean") * distill.temperature**2

    def _before_softmax(self, name: str) -> str:
        """What a softmax that makes the output reads: its outputs saturate, and then teach little."""
        maker = next((op for op in self._program.global_block().ops if name in op.output_arg_names), None)
        return str(maker.input("X")[0]) if maker is not None and maker.type == SOFTMAX else name

    def _minimize(self, train: Training, rate: Callable[[int], float]) -> Any:
        schedule = self._paddle.optimizer.lr.LambdaDecay(learning_rate=1.0, lr_lambda=rate)
        kinds = self._paddle.optimizer
        kind = {
            Optimizer.SGD: kinds.SGD,
            Optimizer.MOMENTUM: partial(kinds.Momentum, momentum=train.momentum),
            Optimizer.ADAM: kinds.Adam,
            Optimizer.ADAMW: kinds.AdamW,
        }[train.optimizer]
        # None spares Paddle a decay of zero; AdamW takes no None.
        decay = train.weight_decay if train.optimizer is Optimizer.ADAMW else train.weight_decay or None
        self._averaging(kind(learning_rate=schedule, weight_decay=decay)).minimize(self._loss)
        average(self._loss.block, [self._loss.name], self._group)
        return schedule

    def _averaging(self, optimizer: Any) -> Any:
        return optimizer if self._group.size == 1 else Averaging(optimizer, self._group)

    def _round(self, quantize: FakeQuantization, absmax: Mapping[str, float], rate: Callable[[int], float]) -> None:
        """Insert int8 rounding at the inputs of convolutions and matrix products, as deployment will have it."""
        from paddle.base import core
        from paddle.base.framework import IrGraph
        from paddle.static.quantization.quantization_pass import QuantizationTransformPassV2
        from paddleslim.quant.quanter import pact

        pact_options = {
            "act_preprocess_func": pact,
            "optimizer_func": lambda: self._averaging(self._paddle.optimizer.Momentum(rate(0), 0.9)),
            "executor": self._executor,
        }
        graph = IrGraph(core.Graph(self._program.desc), for_test=False)
        with faster_graph_passes():
            QuantizationTransformPassV2(
                scope=self._scope, place=self._executor.place, activation_quantize_type="moving_average_abs_max",
                weight_quantize_type="channel_wise_abs_max", moving_rate=quantize.moving_rate,
                quantizable_op_type=[str(operator) for operator in quantize.operators], skip_pattern=[SKIPPED],
                is_test=False, **(pact_options if quantize.pact else {}),
            ).apply(graph)  # fmt: skip
            rounded = graph.to_program()
        rounded.lr_scheduler = self._program.lr_scheduler
        self._program = rounded
        self._start_ranges(absmax)

    def _start_ranges(self, absmax: Mapping[str, float]) -> None:
        """Start every range, and where PACT clips, at what calibration saw.

        Paddle starts ranges at 0.001 and clips at 20 whatever the values are: the first steps would then unlearn the network.
        """
        for op in [op for op in self._program.global_block().ops if op.type == "quantize_linear"]:
            name = op.input("Scale")[0].removesuffix("@scale")
            # Paddle numbers these in the order of addresses in memory, which is another in the process that goes on.
            for part in ("InAccum", "InState"):
                self._kept_as |= {own: f"{name}@{part}" for own in op.input(part)}
            if name in absmax and name not in self._stored:
                self._rounded.add(name)
                start = np.array([absmax[name]], np.float32)
                places = [op.input("Scale")[0], op.input("InAccum")[0]]
                self.restore({place: start for place in places})
                clip = f"{name}_tmp_input_pact"
                if self._scope.find_var(clip) is not None:
                    self.restore({clip: start})

    def _value(self, name: str) -> NDArray[Any] | None:
        variable = self._scope.find_var(name)
        tensor = variable.get_tensor() if variable is not None else None
        return np.array(tensor) if tensor is not None and tensor._is_initialized() else None


def _place(paddle: Any, device: TrainingDevice) -> Any:
    if device is TrainingDevice.CPU:
        return paddle.CPUPlace()
    if not paddle.is_compiled_with_cuda() or not paddle.device.cuda.device_count():
        raise InputError(
            "train.device = gpu: Paddle sees no GPU; install paddlepaddle-gpu where there is one, or leave the key out"
        )
    paddle.set_flags({"FLAGS_cudnn_deterministic": True})
    return paddle.CUDAPlace(paddle.distributed.ParallelEnv().device_id)
