"""Sharing out a user's samples: some to calibrate on, some to search by, some to learn from, the others to evaluate on."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from pydantic import Field

from workbench.tasks.base import Sample, Task, TaskOptions

ORDER_SEED = 0
Item = TypeVar("Item")


class PartsOptions(TaskOptions):
    """How many samples each part has. Without data of their own, they are taken from the evaluation data, which gets the rest."""

    calibration_samples: int = Field(128, ge=1, description="samples to calibrate on")
    search_samples: int = Field(0, ge=0, description="samples that an accuracy-aware search judges by")
    training_samples: int | None = Field(
        None, ge=0, description="samples to train on; default: all training data, and none of the evaluation data"
    )
    evaluation_samples: int | None = Field(None, ge=1, description="at most so many samples to evaluate on")


class PartsTask(Task):
    """A task on a user's data, which is shared out."""

    @abstractmethod
    def evaluation_data(self) -> Sequence[Sample]:
        """The data to evaluate on, and to take the other parts from where they have none of their own."""

    @abstractmethod
    def training_data(self) -> Sequence[Sample] | None:
        """The data to calibrate, search and train on; None where the user gave none."""

    def calibration(self) -> Sequence[Sample]:
        """The first of the training data, in a shuffled order, or else of the evaluation data."""
        return self._parts.calibration

    def search(self) -> Sequence[Sample]:
        """Those after them."""
        return self._parts.search

    def training(self) -> Sequence[Sample]:
        """The training data that is not searched by."""
        return self._parts.training

    def evaluation(self) -> Sequence[Sample]:
        """The evaluation data that is in no other part."""
        return self._parts.evaluation

    @cached_property
    def _parts(self) -> "Parts":
        return share_out(self.evaluation_data(), self.training_data(), self.options)


@dataclass(frozen=True)
class Parts:
    """The samples of each part."""

    calibration: Sequence[Sample]
    search: Sequence[Sample]
    training: Sequence[Sample]
    evaluation: Sequence[Sample]


def share_out(evaluation: Sequence[Sample], training: Sequence[Sample] | None, options: PartsOptions) -> Parts:
    """Share out samples in an order that is shuffled, always in the same way.

    With training data, all of the evaluation data is evaluated on, and what is not searched by is learned from, calibration samples
    included. Without, no sample is in two parts.
    """
    judged = _shuffled(evaluation)
    first, second = options.calibration_samples, options.calibration_samples + options.search_samples
    if training is not None:
        pool = _shuffled(training)
        learned = [*pool[:first], *pool[second:]][: options.training_samples]
        return Parts(pool[:first], pool[first:second], learned, judged[: options.evaluation_samples])
    third = second + (options.training_samples or 0)
    rest = judged[third:][: options.evaluation_samples]
    return Parts(judged[:first], judged[first:second], judged[second:third], rest)


def _shuffled(items: Sequence[Item]) -> list[Item]:
    return [items[index] for index in np.random.default_rng(ORDER_SEED).permutation(len(items))]
