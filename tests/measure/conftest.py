"""A linear model, its task, and both ends of a worker's channel, in one process."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from workbench.models.model import Format, Manifest, Model, TensorSpec
from workbench.worker import Channel

CLASSES = 4
TASK = """
from collections.abc import Sequence
import numpy as np
from workbench.tasks import Sample, Task, TaskOptions

class Options(TaskOptions):
    images: int = 8

class Vectors(Task):
    Options = Options
    primary_metric = "right"
    higher_is_better = {higher}

    def calibration(self) -> Sequence[Sample]:
        return []

    def evaluation(self) -> Sequence[Sample]:
        vectors = (np.eye(4, dtype=np.float32)[i % 4] * (1 + i) for i in range(self.options.images))
        return [Sample.from_array(f"s{{i}}", v, truth=i % 4, decode=lambda array: array) for i, v in enumerate(vectors)]

    def preprocess(self, image):
        return {{"x": image[np.newaxis]}}, len(image)

    def postprocess(self, outputs, meta):
        assert outputs["y"].shape == (1, meta)
        return int(outputs["y"].argmax())

    def metric(self, predictions, truths):
        right = [p == t for p, t in zip(predictions, truths, strict=True)]
        return {{"right": 100 * float(np.mean(right)), "count": float(len(right))}}
"""


class Ends:
    """A channel as a job has it, and what its parent would say and hear."""

    def __init__(self) -> None:
        receiving, self._speaking = os.pipe()
        self._hearing, self._sending = os.pipe()
        self.channel = Channel(receiving, self._sending)

    def say(self, *messages: dict[str, Any]) -> None:
        """Give the job these messages, and no more."""
        os.write(self._speaking, "".join(json.dumps(message) + "\n" for message in messages).encode())
        os.close(self._speaking)

    def heard(self) -> list[dict[str, Any]]:
        """All that the job sent; asked once, when the job is over."""
        os.close(self._sending)
        with os.fdopen(self._hearing) as lines:
            return [json.loads(line) for line in lines]


@pytest.fixture
def ends() -> Iterator[Ends]:
    return Ends()


@pytest.fixture
def channel(ends: Ends) -> Channel:
    return ends.channel


@pytest.fixture
def make_task(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Write the task's file and give the spec of it."""

    def make(*, higher_is_better: bool = True, **options: Any) -> dict[str, Any]:
        file = tmp_path / "vectors.py"
        file.write_text(TASK.format(higher=higher_is_better))
        return {"source": {"file": str(file), "options": options}, "folder": str(tmp_path)}

    return make


@pytest.fixture
def linear_model(tmp_path: Path) -> Callable[[ArrayLike], Model]:
    """Make a Model of y = x @ weights, x and y float32 [N, 4]."""

    def make(weights: ArrayLike) -> Model:
        import onnx
        from onnx import helper, numpy_helper

        x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", CLASSES]) for name in "xy")
        constant = numpy_helper.from_array(np.asarray(weights, dtype=np.float32), "weights")
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "weights"], ["y"])], "linear", [x], [y], [constant])
        network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        specs = [TensorSpec(name=name, dtype="float32", shape=(-1, CLASSES)) for name in "xy"]
        with Model.build(tmp_path / "models") as draft:
            onnx.save(network, str(draft.folder / "model.onnx"))
            draft.manifest = Manifest(name="linear", format=Format.ONNX, inputs=(specs[0],), outputs=(specs[1],))
        assert draft.model is not None
        return draft.model

    return make
