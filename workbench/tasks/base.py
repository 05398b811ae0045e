"""The task contract: the data of one problem, its pre- and post-processing, and its metric."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from workbench.errors import InputError

Inputs = dict[str, NDArray[Any]]
Outputs = dict[str, NDArray[Any]]


class TaskOptions(BaseModel):
    """Base of a task's options: what a recipe may write under `task.options`. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Sample:
    """One labelled input.

    `decode` gives the decoded image (or whatever the task's `preprocess` takes) and `read` the undecoded content; both
    are called only when the sample is used.
    """

    key: str
    truth: Any
    read: Callable[[], bytes]
    decode: Callable[[], Any]

    @property
    def digest(self) -> str:
        """The sha256 of the undecoded content, by which calibration and evaluation data are kept apart."""
        return hashlib.sha256(self.read()).hexdigest()

    @classmethod
    def from_file(cls, path: Path, *, truth: Any, decode: Callable[[Path], Any]) -> "Sample":
        """A sample that lies in a file."""
        return cls(key=path.name, truth=truth, read=path.read_bytes, decode=lambda: decode(path))

    @classmethod
    def from_array(
        cls, key: str, array: NDArray[Any], *, truth: Any, decode: Callable[[NDArray[Any]], Any]
    ) -> "Sample":
        """A sample that is held in memory."""
        return cls(key=key, truth=truth, read=array.tobytes, decode=lambda: decode(array))


class Task(ABC):
    """One problem: subclass it, in the package or in a user's own python file that a recipe names.

    `preprocess` and `postprocess` are timed in the `end_to_end` scope, so they hold all the work that a deployed
    program would do, and nothing else. Metrics are in points: percent scale for accuracy and mAP. A task without labels has
    the empty `primary_metric`, and `metric` gives nothing: its models are then told apart by the noise of their outputs alone.
    """

    Options: ClassVar[type[TaskOptions]] = TaskOptions
    primary_metric: str
    higher_is_better: ClassVar[bool] = True
    left_to_task: Mapping[str, Any] = MappingProxyType({})
    """Work that was cut off the network whose outputs `postprocess` gets (see `strip_nms` in a recipe); most often none."""

    def __init__(self, options: Any, folder: Path) -> None:
        """`options` is an instance of `Options`; `folder` is the recipe's, from which relative paths are resolved."""
        self.options = options
        self.folder = folder

    @property
    def nms(self) -> str:
        """Where a detector's boxes are suppressed, "inside" or "outside" of the network; empty for other tasks."""
        return ""

    @abstractmethod
    def calibration(self) -> Sequence[Sample]:
        """The samples from which activation ranges are estimated; their truth is not used."""

    @abstractmethod
    def evaluation(self) -> Sequence[Sample]:
        """The samples on which the metric is computed; disjoint from the calibration samples."""

    def search(self) -> Sequence[Sample]:
        """The labelled samples on which an accuracy-aware search judges models; disjoint from both other sets.

        Only a recipe that asks for `accuracy` needs them: what a search has looked at can no longer tell how accurate its
        outcome is.
        """
        return ()

    def training(self) -> Sequence[Sample]:
        """The samples from which methods that train learn; disjoint from the evaluation and search samples.

        Methods that learn from a teacher alone do not use their truth, and take the calibration samples where there are none.
        """
        return ()

    def augment(self, image: Any, random: np.random.Generator) -> Any:
        """A decoded training sample as this pass is to see it; all chance comes from `random`."""
        return image

    def labels(self, truth: Any) -> Inputs:
        """What `loss` needs of one sample's truth, by name: arrays without a batch axis, of one shape for all samples."""
        raise InputError(
            f"task {type(self).__name__}: it has no `labels` and `loss`, so nothing learns from its truth; "
            "add them, or take a method that needs none (distill, distill_only, distill_prune)"
        )

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """A scalar Paddle variable: how wrong a batch of outputs is. Both hold variables of a static program, by name."""
        raise NotImplementedError

    def files(self) -> Sequence[Path]:
        """Files other than the samples' own on which figures depend: a vocabulary, a list of labels, the model's deploy file."""
        return ()

    def to_json(self, prediction: Any) -> Any:
        """A prediction as json can hold it and `metric` takes it; not timed. For predictions that are large arrays."""
        return prediction

    def read(self, given: str) -> Any:
        """What a user gives to predict on, decoded as a sample is: here the path of an image, as RGB, uint8 [h, w, 3].

        Raises InputError for what cannot be read.
        """
        from workbench.tasks.image_folder import read_image

        path = Path(given)
        if not path.is_file():
            raise InputError(f"image {given}: no such file")
        return read_image(path)

    def tell(self, prediction: Any) -> str:
        """A prediction in a line, for people."""
        return json.dumps(self.to_json(prediction))

    @abstractmethod
    def preprocess(self, image: Any) -> tuple[Inputs, Any]:
        """Turn one decoded sample into model inputs and what `postprocess` needs.

        The leading axis of every input is 1, or the number of windows in which the model is to see the sample.
        """

    @abstractmethod
    def postprocess(self, outputs: Outputs, meta: Any) -> Any:
        """Turn the outputs for one sample, with the inputs' leading axis, into a prediction that json (or `to_json`) can hold."""

    @abstractmethod
    def metric(self, predictions: Sequence[Any], truths: Sequence[Any]) -> dict[str, float]:
        """Compute every metric, `primary_metric` among them, of the predictions against the truths, pair by pair."""
