"""The training batches: which samples an iteration sees, and how they are augmented, follow from the seed alone."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.models.model import Model, matching_inputs
from workbench.quant.training.options import Training
from workbench.quant.training.parallel import Group
from workbench.tasks.base import Sample, Task

Arrays = dict[str, NDArray[Any]]


class Batches:
    """Batches by iteration, so that a training that was stopped sees what it would have seen.

    A process of a group has an equal part of every batch; together they see the batches that one alone would see.
    """

    def __init__(self, model: Model, task: Task, train: Training, *, labelled: bool, group: Group) -> None:
        """Raises InputError where there is nothing to learn from, or too little for every process to have a sample."""
        samples = list(task.training()) or ([] if labelled else list(task.calibration()))
        if not samples:
            raise InputError(
                f"task {type(task).__name__}: its training set is empty; give it samples (`training`), or take a method that does not train"
            )
        self._model, self._task, self._train, self._labelled = model, task, train, labelled
        self._samples: list[Sample] = samples
        self._group = group
        self._size = min(train.batch_size, len(samples)) // group.size * group.size
        if not self._size:
            raise InputError(
                f"train.processes = {group.size}: only {len(samples)} training samples; give no more processes than samples"
            )

    @property
    def per_epoch(self) -> int:
        """Iterations in which every sample is seen once; samples that do not fill a batch wait for another epoch."""
        return len(self._samples) // self._size

    @property
    def iterations(self) -> int:
        """Iterations of the whole training."""
        return self._train.iterations or max(1, math.ceil((self._train.epochs or 1.0) * self.per_epoch))

    def example(self) -> Arrays:
        """One sample's labels, without a batch axis; empty for a method without labels."""
        return dict(self._task.labels(self._samples[0].truth)) if self._labelled else {}

    def batch(self, iteration: int) -> tuple[list[NDArray[Any]], Arrays]:
        """What an iteration is fed: inputs in the model's order and, where the method is labelled, labels by name."""
        epoch, place = divmod(iteration, self.per_epoch)
        order = np.random.default_rng([self._train.seed, 0, epoch]).permutation(len(self._samples))
        rows = order[place * self._size : (place + 1) * self._size][self._group.rank :: self._group.size]
        prepared = [self._prepare(int(row), epoch) for row in rows]
        inputs = {name: np.concatenate([one[0][name] for one in prepared]) for name in prepared[0][0]}
        values = matching_inputs(self._model.manifest.inputs, inputs)
        labels = {name: np.stack([one[1][name] for one in prepared]) for name in prepared[0][1]}
        return values, labels

    def _prepare(self, row: int, epoch: int) -> tuple[Arrays, Arrays]:
        sample, random = self._samples[row], np.random.default_rng([self._train.seed, 1, epoch, row])
        inputs, _ = self._task.preprocess(self._task.augment(sample.decode(), random))
        return inputs, dict(self._task.labels(sample.truth)) if self._labelled else {}
