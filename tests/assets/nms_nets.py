"""Small Paddle detectors that end in suppression, and jobs that run them; in a worker (see native_jobs.py)."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np
import paddle
from paddle import nn
from paddle.base.layer_helper import LayerHelper

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import WorkbenchError
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.tasks.detection import DetectionOptions, DetectionTask
from workbench.worker import Channel

SIZE, STRIDE, CLASSES = 64, 8, 4
CELLS = SIZE // STRIDE
MULTICLASS = {
    "background_label": -1, "score_threshold": 0.3, "nms_top_k": 50, "nms_threshold": 0.6, "nms_eta": 1.0, "keep_top_k": 20,
    "normalized": True,
}  # fmt: skip
MATRIX = {
    "background_label": -1, "score_threshold": 0.3, "post_threshold": 0.31, "nms_top_k": 50, "keep_top_k": 20, "use_gaussian": False,
    "gaussian_sigma": 2.0, "normalized": True,
}  # fmt: skip
OPERATORS = {
    "multiclass_nms3": (MULTICLASS, ("Out", "Index", "NmsRoisNum")),
    "matrix_nms": (MATRIX, ("Out", "Index", "RoisNum")),
}


def suppress(kind: str, boxes: Any, scores: Any, **changes: Any) -> tuple[Any, Any]:
    """The operator's rows and their number."""
    defaults, names = OPERATORS[kind]
    helper = LayerHelper(kind)
    made = [helper.create_variable_for_type_inference(dtype) for dtype in ("float32", "int32", "int32")]
    outputs = {names[index]: made[index] for index in range(len(names))}
    helper.append_op(type=kind, inputs={"BBoxes": boxes, "Scores": scores}, outputs=outputs, attrs=defaults | changes)
    return made[0], made[2]


class PaddleDetector(nn.Layer):
    """What PP-YOLOE is made of: class scores and distances to a box's sides for each cell, boxes in image pixels, suppression."""

    def __init__(self, kind: str = "multiclass_nms3", **changes: Any) -> None:
        super().__init__()
        self.kind, self.changes = kind, changes
        self.body = nn.Sequential(
            nn.Conv2D(3, 8, 4, stride=4), nn.BatchNorm2D(8), nn.ReLU(), nn.Conv2D(8, 16, 2, stride=2), nn.ReLU(),
        )  # fmt: skip
        self.classes, self.sides = nn.Conv2D(16, CLASSES, 1), nn.Conv2D(16, 4, 1)

    def boxes_and_scores(self, image: Any, scale_factor: Any) -> tuple[Any, Any]:
        features = self.body(image)
        scores = nn.functional.sigmoid(self.classes(features) * 4).flatten(2)
        sides = nn.functional.softplus(self.sides(features) * 2).flatten(2).transpose([0, 2, 1]) * STRIDE
        cells = paddle.arange(CELLS, dtype="float32")
        y, x = paddle.meshgrid(cells, cells)
        centres = (paddle.stack([x, y], axis=-1).reshape([1, -1, 2]) + 0.5) * STRIDE
        boxes = paddle.concat([centres - sides[:, :, :2], centres + sides[:, :, 2:]], axis=-1)
        down, right = paddle.split(scale_factor, 2, axis=1)
        return boxes / paddle.concat([right, down, right, down], axis=-1).unsqueeze(1), scores

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, ...]:
        return suppress(self.kind, *self.boxes_and_scores(image, scale_factor), **self.changes)


class ScaledOutputs(PaddleDetector):
    """As older versions of Paddle export it: every output times 1."""

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, ...]:
        rows, count = super().forward(image, scale_factor)
        return paddle.scale(rows, 1.0), count


class RawOutputs(PaddleDetector):
    """Exported without suppression."""

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, ...]:
        return self.boxes_and_scores(image, scale_factor)


class UsedRows(PaddleDetector):
    """A second stage reads the boxes."""

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, ...]:
        rows, count = super().forward(image, scale_factor)
        return rows * 2, count


class ThirdOutput(PaddleDetector):
    """There is an output that suppression does not make."""

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, ...]:
        return *super().forward(image, scale_factor), self.body(image)


NETS = {
    "multiclass": PaddleDetector,
    "matrix": lambda: PaddleDetector("matrix_nms"),
    "background": lambda: PaddleDetector(background_label=1, keep_top_k=5, normalized=False),
    "scaled": ScaledOutputs,
    "raw": RawOutputs,
    "used": UsedRows,
    "third": ThirdOutput,
}


def write_nets(channel: Channel, *, folder: str, names: Sequence[str]) -> None:
    """Write these networks as `folder`/name/model.*."""
    for name in names:
        specs = [paddle.static.InputSpec([1, 3, SIZE, SIZE], "float32", "image"), paddle.static.InputSpec([1, 2], "float32", "scale_factor")]  # fmt: skip
        paddle.seed(1)
        with paddle.utils.unique_name.guard():
            net = NETS[name]()
            net.eval()
            paddle.jit.save(net, str(Path(folder) / name / "model"), input_spec=specs)


def import_each(channel: Channel, *, folder: str, cases: dict[str, Any], models: str) -> dict[str, str]:
    """Import for each case, a network's name and `strip_nms`; the digest or what was wrong, by the case's name."""
    found = {}
    for case, (name, strip, if_there) in cases.items():
        source = {"path": str(Path(folder) / name), "strip_nms": strip}
        try:
            found[case] = import_job(channel, source=source, models=models, strip_nms_if_there=if_there)["digest"]
        except WorkbenchError as error:
            found[case] = f"{type(error).__name__}: {error}"
    return found


def detect(channel: Channel, *, model: str, backend: str, images: str, options: dict[str, Any]) -> list[Any]:
    """The predictions for images in an .npz file, by a Model on a backend, FP32."""
    source, settings = Model.open(Path(model)), Settings()
    if function := BACKENDS[backend].prepare_function(source, settings):
        module, _, job = function.partition(":")
        made = getattr(import_module(module), job)(channel, model=model, models=str(source.folder.parent))
        source = Model.open(source.folder.parent / made["digest"])
    task = Detector(DetectionOptions(**options), Path())
    task.left_to_task = source.manifest.left_to_task
    predictions = []
    with BACKENDS[backend].open(source, settings) as session, np.load(images, allow_pickle=False) as arrays:
        for image in arrays.values():
            inputs, geometry = task.preprocess(image)
            predictions.append(task.postprocess(session.run(inputs), geometry))
    return predictions


class Detector(DetectionTask):
    """Detection without data of its own."""

    def calibration(self) -> Sequence[Any]:
        return ()

    def evaluation(self) -> Sequence[Any]:
        return ()


def run_operators(channel: Channel, *, cases: dict[str, Any], arrays: str) -> dict[str, Any]:
    """The rows that Paddle's own operator gives for each case: (operator, changed attributes, name of the arrays)."""
    paddle.enable_static()
    found = {}
    with np.load(arrays, allow_pickle=False) as stored:
        for case, (kind, changes, name) in cases.items():
            boxes, scores = stored[f"{name}-boxes"], stored[f"{name}-scores"]
            program = paddle.static.Program()
            with paddle.static.program_guard(program, paddle.static.Program()):
                inputs = [paddle.static.data(n, v.shape, "float32") for n, v in (("boxes", boxes), ("scores", scores))]
                outputs = suppress(kind, *inputs, **changes)
            executor = paddle.static.Executor(paddle.CPUPlace())
            rows, _ = executor.run(program, feed={"boxes": boxes, "scores": scores}, fetch_list=list(outputs))
            found[case] = {
                "settings": {"operator": kind} | OPERATORS[kind][0] | changes,
                "rows": np.asarray(rows).reshape(-1, 6).tolist(),
            }
    return found
