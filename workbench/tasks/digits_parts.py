"""What the shipped tasks with generated samples share: the parts that the samples are for."""

from abc import abstractmethod
from collections.abc import Sequence
from enum import IntEnum

from pydantic import Field

from workbench.tasks.base import Sample, Task, TaskOptions


class Part(IntEnum):
    """No two parts share a sample. The number seeds the generators."""

    CALIBRATION = 1
    EVALUATION = 2
    SEARCH = 3
    TRAINING = 4
    VALIDATION = 5
    """By which the settings of the shipped networks were chosen."""
    WEIGHTS = 6
    """From which they learned."""


class SampleCounts(TaskOptions):
    """How many samples to use."""

    calibration_samples: int = Field(64, ge=1)
    evaluation_samples: int = Field(160, ge=1)
    search_samples: int = Field(100, ge=1)
    training_samples: int = Field(400, ge=1)


class PartSamples(Task):
    """A task whose samples are generated, the same each time. Mix it in before the base of the task's family."""

    @abstractmethod
    def part(self, part: Part, amount: int) -> list[Sample]:
        """The first samples of a part; those for evaluation are made of what no other part is made of."""

    def calibration(self) -> Sequence[Sample]:
        """The first samples for calibration."""
        return self.part(Part.CALIBRATION, self.options.calibration_samples)

    def evaluation(self) -> Sequence[Sample]:
        """The first samples for evaluation."""
        return self.part(Part.EVALUATION, self.options.evaluation_samples)

    def search(self) -> Sequence[Sample]:
        """The first samples by which a search judges."""
        return self.part(Part.SEARCH, self.options.search_samples)

    def training(self) -> Sequence[Sample]:
        """The first samples from which methods learn."""
        return self.part(Part.TRAINING, self.options.training_samples)
