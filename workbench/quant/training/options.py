"""What a recipe may say about training, distilling and pruning."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench.quant.base import MethodOptions
from workbench.quant.program import Operator
from workbench.quant.training.teacher import teacher_files


class Block(BaseModel):
    """A group of options. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Optimizer(StrEnum):
    """How weights follow their gradients."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"
    ADAMW = "adamw"


class Schedule(StrEnum):
    """How the learning rate changes from iteration to iteration."""

    CONSTANT = "constant"
    COSINE = "cosine"
    PIECEWISE = "piecewise"


class TrainingDevice(StrEnum):
    """Where the training runs."""

    CPU = "cpu"
    GPU = "gpu"


class Loss(StrEnum):
    """How far a student's tensor is from its teacher's."""

    L2 = "l2"
    SOFT_LABEL = "soft_label"


class Criterion(StrEnum):
    """Which filters go first when a network is pruned."""

    L1_NORM = "l1_norm"
    FPGM = "fpgm"


class Training(Block):
    """The training itself. The defaults fine-tune a trained network; they do not train one from nothing.

    Where a network comes without its batch normalizations (as ONNX files often do) its weights differ widely in size, and Adam,
    which scales each step by its own gradients, is the safer choice: on the shipped MobileNetV1 x0.25, folded, momentum diverged at
    a rate of 0.001, where Adam lowered the loss at 0.0002. With them it trains at 0.015, the rate of FastDeploy's configurations.
    """

    epochs: float | None = Field(None, gt=0, description="passes over the training samples; default: 1")
    iterations: int | None = Field(None, ge=1, description="training batches, in place of `epochs`")
    batch_size: int = Field(32, ge=1, description="samples per batch")
    learning_rate: float = Field(0.0001, gt=0, description="the largest learning rate")
    schedule: Schedule = Field(Schedule.COSINE, description="how the learning rate changes")
    cosine_iterations: int | None = Field(
        None, ge=1, description="iterations until a cosine has come down to 0; default: all"
    )
    milestones: tuple[float, ...] = Field(
        (), description="epochs after which a piecewise rate is multiplied by `gamma`"
    )
    gamma: float = Field(0.1, gt=0, le=1, description="factor of a piecewise rate at each milestone")
    warmup_iterations: int = Field(0, ge=0, description="iterations in which the learning rate grows from 0")
    optimizer: Optimizer = Field(Optimizer.ADAM, description="the optimizer")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of optimizer momentum")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty on the weights")
    device: TrainingDevice = Field(TrainingDevice.CPU, description="where the training itself runs")
    processes: int = Field(
        1, ge=1, description="processes that share every batch, through paddle.distributed.launch; on GPUs one each"
    )
    seed: int = Field(0, ge=0, description="order and augmentation of the samples follow from it")
    checkpoint_iterations: int = Field(50, ge=1, description="iterations between checkpoints")
    evaluate_iterations: int | None = Field(
        None, ge=1, description="iterations between evaluations on the task's search set; default: none"
    )
    target_metric: float | None = Field(None, description="stop when an evaluation reaches this metric")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.epochs is not None and self.iterations is not None:
            raise ValueError("give `epochs` or `iterations`, not both")
        if self.batch_size % self.processes:
            raise ValueError(
                f"`batch_size` {self.batch_size} cannot be shared among {self.processes} `processes` equally"
            )
        if self.target_metric is not None and self.evaluate_iterations is None:
            raise ValueError("`target_metric` needs `evaluate_iterations`")
        if bool(self.milestones) != (self.schedule is Schedule.PIECEWISE):
            raise ValueError("`milestones` belong to schedule piecewise, and it needs them")
        return self


class Distillation(Block):
    """Learning from a teacher's outputs, without labels."""

    loss: Loss = Field(Loss.L2, description="distance between the student's and the teacher's tensors")
    nodes: tuple[str, ...] = Field((), description="tensors to compare; default: the model's outputs before a softmax")
    alpha: float = Field(1.0, gt=0, description="weight of the loss")
    temperature: float = Field(1.0, gt=0, description="temperature of loss soft_label")
    teacher: Path | None = Field(
        None, description="teacher: a sample's name, or a model relative to the recipe; default: the FP32 model itself"
    )


class FakeQuantization(Block):
    """Rounding as INT8 inference will round, while the weights learn to live with it."""

    pact: bool = Field(False, description="learn where to clip each activation (PACT)")
    operators: tuple[Operator, ...] = Field(tuple(Operator), min_length=1, description="operators to quantize")
    skip_tensors: tuple[str, ...] = Field((), description="operators that read one of these tensors stay in float")
    moving_rate: float = Field(0.9, gt=0, lt=1, description="decay of the moving average of activation ranges")


class Pruning(Block):
    """Taking whole filters out of convolutions."""

    criterion: Criterion = Field(Criterion.L1_NORM, description="how filters are ranked")
    flops: float | None = Field(None, gt=0, lt=1, description="share of the FLOPs to take away; default: 0.3")
    ratios: dict[str, float] = Field(
        default_factory=dict, description="share of the filters by convolution weight, in place of `flops`"
    )
    sensitivity: bool = Field(
        False, description="prune those convolutions more whose pruning costs the metric less (takes longer)"
    )

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        if self.flops is not None and self.ratios:
            raise ValueError("give `flops` or `ratios`, not both")
        if self.sensitivity and self.ratios:
            raise ValueError("`sensitivity` chooses ratios itself: leave `ratios` out")
        if bad := next((name for name, ratio in self.ratios.items() if not 0 < ratio < 1), None):
            raise ValueError(f"ratio of {bad!r} must lie between 0 and 1")
        return self


@dataclass(frozen=True)
class Plan:
    """What a method does: whether it reads labels, and the blocks that it has."""

    train: Training
    labels: bool = False
    distill: Distillation | None = None
    quantize: FakeQuantization | None = None
    prune: Pruning | None = None


class TrainedOptions(MethodOptions, ABC):
    """Base of the methods that train."""

    trains: ClassVar[bool] = True
    train: Training = Field(Training(), description="the training")

    @abstractmethod
    def plan(self) -> Plan:
        """What to do."""

    def smoke(self) -> Self:
        """Two small batches."""
        short = {"epochs": None, "iterations": 2, "batch_size": 4, "evaluate_iterations": None, "target_metric": None}
        return self.model_copy(update={"train": self.train.model_copy(update=short)})

    def files(self, folder: Path) -> list[Path]:
        """The teacher's."""
        distill = self.plan().distill
        return teacher_files(distill.teacher, folder) if distill and distill.teacher else []

    def kept_identity(self) -> list[Any]:
        """A checkpoint is of use to the very same training only."""
        return [self.model_dump(mode="json")]


class QatOptions(TrainedOptions):
    """Quantization-aware training from labels; a teacher may help."""

    quantize: FakeQuantization = Field(FakeQuantization(), description="rounding while training")
    distill: Distillation | None = Field(None, description="learn from a teacher too")

    def plan(self) -> Plan:
        """Labels, rounding, and a teacher where one is asked for."""
        return Plan(self.train, labels=True, quantize=self.quantize, distill=self.distill)


class PactOptions(QatOptions):
    """Quantization-aware training that learns where to clip."""

    quantize: FakeQuantization = Field(FakeQuantization(pact=True), description="rounding while training")

    def plan(self) -> Plan:
        """As for `qat`, with PACT whatever the recipe says of rounding."""
        quantize = self.quantize.model_copy(update={"pact": True})
        return Plan(self.train, labels=True, quantize=quantize, distill=self.distill)


class DistillOptions(TrainedOptions):
    """Quantization-aware training without labels: the FP32 model is the teacher."""

    distill: Distillation = Field(Distillation(), description="the teacher and the loss")
    quantize: FakeQuantization = Field(FakeQuantization(), description="rounding while training")

    def plan(self) -> Plan:
        """Rounding and a teacher, no labels."""
        return Plan(self.train, distill=self.distill, quantize=self.quantize)


class DistillOnlyOptions(TrainedOptions):
    """Distillation without quantization."""

    distill: Distillation = Field(description="the teacher, which must be named, and the loss")

    @model_validator(mode="after")
    def _has_teacher(self) -> Self:
        if self.distill.teacher is None:
            raise ValueError("a network has nothing to learn from itself: give `distill.teacher`")
        return self

    def plan(self) -> Plan:
        """A teacher, no labels."""
        return Plan(self.train, distill=self.distill)


class PruneOptions(TrainedOptions):
    """Filter pruning, then fine-tuning from labels."""

    prune: Pruning = Field(Pruning(), description="what to take away")

    def plan(self) -> Plan:
        """Fewer filters, then labels."""
        return Plan(self.train, labels=True, prune=self.prune)


class DistillPruneOptions(TrainedOptions):
    """Filter pruning, then fine-tuning without labels: the unpruned model is the teacher."""

    prune: Pruning = Field(Pruning(), description="what to take away")
    distill: Distillation = Field(Distillation(), description="the teacher and the loss")

    def plan(self) -> Plan:
        """Fewer filters, then a teacher."""
        return Plan(self.train, distill=self.distill, prune=self.prune)


class PruneQatOptions(TrainedOptions):
    """Filter pruning, then one quantization-aware training from labels: the smaller network learns with rounding from its start."""

    prune: Pruning = Field(Pruning(), description="what to take away")
    quantize: FakeQuantization = Field(FakeQuantization(), description="rounding while training")
    distill: Distillation | None = Field(None, description="learn from a teacher too")

    def plan(self) -> Plan:
        """Fewer filters, labels, rounding."""
        return Plan(self.train, labels=True, prune=self.prune, quantize=self.quantize, distill=self.distill)
