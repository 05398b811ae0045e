"""Training proper: a float Model and a plan in, the weights and ranges that were learned out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray
from pydantic import TypeAdapter

from workbench.models.model import Model
from workbench.quant.training.batches import Batches
from workbench.quant.training.judge import judge_student
from workbench.quant.training.loop import Trained, run_training
from workbench.quant.training.options import Plan
from workbench.quant.training.parallel import Group
from workbench.quant.training.schedule import learning_rate
from workbench.quant.training.student import Lessons, Student
from workbench.tasks.loader import load_task
from workbench.worker import Channel


@dataclass(frozen=True)
class Assignment:
    """What to learn from what.

    `task`: a spec as `load_task` takes it; `absmax`: the largest absolute value that calibration saw of each activation, for a plan that rounds;
    `checkpoint`: holds a training of the same plan that was stopped, or nothing yet.
    """

    source: Model
    plan: Plan
    task: dict[str, Any]
    absmax: Mapping[str, float]
    teacher: Model | None
    checkpoint: Path

    def as_json(self) -> dict[str, Any]:
        """The assignment for another process."""
        return {
            "source": str(self.source.folder),
            "plan": TypeAdapter(Plan).dump_python(self.plan, mode="json"),
            "task": self.task,
            "absmax": dict(self.absmax),
            "teacher": str(self.teacher.folder) if self.teacher else None,
            "checkpoint": str(self.checkpoint),
        }

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Self:
        """What `as_json` made."""
        return cls(
            source=Model.open(Path(given["source"])),
            plan=TypeAdapter(Plan).validate_python(given["plan"]),
            task=given["task"],
            absmax=given["absmax"],
            teacher=Model.open(Path(given["teacher"])) if given["teacher"] else None,
            checkpoint=Path(given["checkpoint"]),
        )


@dataclass(frozen=True)
class Learned:
    """The network's stored tensors, the largest absolute value of each rounded activation, and how it went."""

    weights: Mapping[str, NDArray[Any]]
    ranges: Mapping[str, float]
    trained: Trained


def learn(channel: Channel, given: Assignment, group: Group) -> Learned:
    """Train in this process, as one of a group.

    Raises InputError for bad data or names, FloatingPointError when training diverges.
    """
    task, plan = load_task(given.task), given.plan
    batches = Batches(given.source, task, plan.train, labelled=plan.labels, group=group)
    lessons = Lessons(
        labels=batches.example(),
        label_loss=task.loss if plan.labels else None,
        teacher=given.teacher,
        absmax=given.absmax,
    )
    rate = learning_rate(plan.train, iterations=batches.iterations, per_epoch=batches.per_epoch)
    student = Student(given.source, plan, lessons, rate=rate, group=group)
    trained = run_training(
        channel,
        student,
        batches,
        plan.train,
        checkpoint=given.checkpoint,
        evaluate=lambda: judge_student(student, given.source, task, plan.quantize),
        better=1 if task.higher_is_better else -1,
        keeps=group.rank == 0,
    )
    return Learned(student.weights(), student.ranges(), trained)
