"""A task for networks that were never trained: normally distributed input of any shape, nothing to recognise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from workbench.tasks import Sample, Task, TaskOptions
from workbench.tasks.base import Inputs, Outputs

FIRST_SEED = {"calibration": 0, "evaluation": 10_000}


class NoiseOptions(TaskOptions):
    name: str = Field("x", description="of the network's input")
    shape: tuple[int, ...] = Field(min_length=1)
    calibration_samples: int = Field(64, ge=1)
    evaluation_samples: int = Field(8, ge=1)


class Noise(Task):
    Options = NoiseOptions
    primary_metric = "samples"

    def calibration(self) -> Sequence[Sample]:
        return self._samples("calibration", self.options.calibration_samples)

    def evaluation(self) -> Sequence[Sample]:
        return self._samples("evaluation", self.options.evaluation_samples)

    def preprocess(self, image: Any) -> tuple[Inputs, None]:
        return {self.options.name: image}, None

    def postprocess(self, outputs: Outputs, meta: None) -> int:
        return 0

    def metric(self, predictions: Sequence[int], truths: Sequence[int]) -> dict[str, float]:
        return {"samples": float(len(predictions))}

    def _samples(self, part: str, count: int) -> list[Sample]:
        return [
            Sample.from_array(
                f"{part}_{index}", self._draw(FIRST_SEED[part] + index), truth=0, decode=lambda array: array
            )
            for index in range(count)
        ]

    def _draw(self, seed: int) -> Any:
        return np.random.default_rng(seed).normal(size=self.options.shape).astype(np.float32)
