"""Drawn samples for a network without trained weights: latency and the noise of its outputs need no data.

There is no metric: what random weights compute is never right.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from workbench.models.architectures.drawing import draw
from workbench.models.architectures.registry import find_architecture
from workbench.tasks.base import Inputs, Outputs, Sample, Task, TaskOptions

CALIBRATION, EVALUATION = 1, 2
"""Seeds that keep the two sets apart, and apart from what batch norm statistics were taken from (seed 0)."""


class SyntheticOptions(TaskOptions):
    """For which network the samples are, and how many of them there are."""

    architecture: str = Field(description="network that the samples are for; default: the recipe's")
    input_shapes: dict[str, list[int]] = Field(
        default_factory=dict, description="shapes of its inputs, batch axis included; default: the recipe's"
    )
    calibration_samples: int = Field(8, ge=1, description="samples to calibrate on")
    evaluation_samples: int = Field(4, ge=1, description="samples to compare outputs on, and to time")


class Synthetic(Task):
    """Textures with the statistics of photographs, or tokens: whatever the network's inputs take. Always the same ones."""

    Options = SyntheticOptions
    primary_metric = ""

    @property
    def nms(self) -> str:
        """A detector here ends before suppression."""
        return find_architecture(self.options.architecture, self.options.input_shapes).nms

    def calibration(self) -> Sequence[Sample]:
        """Samples for activation ranges."""
        return [self._sample(CALIBRATION, index) for index in range(self.options.calibration_samples)]

    def evaluation(self) -> Sequence[Sample]:
        """Other samples."""
        return [self._sample(EVALUATION, index) for index in range(self.options.evaluation_samples)]

    def preprocess(self, image: Inputs) -> tuple[Inputs, None]:
        """Add the batch axis; there is nothing else to prepare, so the end-to-end scope is no more than the runtime one."""
        return {name: value[np.newaxis] for name, value in image.items()}, None

    def postprocess(self, outputs: Outputs, meta: None) -> None:
        """There is nothing to compare with."""

    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """No metric: the weights are random."""
        return {}

    def _sample(self, part: int, index: int) -> Sample:
        inputs = find_architecture(self.options.architecture, self.options.input_shapes).inputs
        return Sample.from_array(
            f"{part}-{index}",
            np.array([part, index]),
            truth=None,
            decode=lambda seed: {
                given.name: draw(given, (*seed.tolist(), number)) for number, given in enumerate(inputs)
            },
        )
