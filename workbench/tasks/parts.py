"""Sharing out a user's samples: some to calibrate on, some to search by, some to learn from, the others to evaluate on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import Field

from workbench.tasks.base import Sample, TaskOptions

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
