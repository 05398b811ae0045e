"""The losses of the task families, computed in static programs as training computes them."""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.tasks.class_scores import class_loss
from workbench.tasks.segmentation import SegmentationOptions, SegmentationTask


class Segmentation(SegmentationTask):
    """Without samples."""

    def calibration(self) -> list[Any]:
        return []

    def evaluation(self) -> list[Any]:
        return []


def task_losses(channel: Any, *, arrays: str) -> dict[str, float]:
    """Worker job: by kind the loss of the scores and labels in a file; `argmax` tells whether that is refused."""
    from workbench.compatibility import import_paddle
    from workbench.errors import InputError

    paddle = import_paddle()
    paddle.enable_static()
    with np.load(arrays) as found:
        given = {name: found[name] for name in found.files}
    main = paddle.static.Program()
    task = Segmentation(SegmentationOptions(classes=3), Path())
    with paddle.static.program_guard(main):
        data = {n: paddle.static.data(n, [-1, *v.shape[1:]], str(v.dtype)) for n, v in given.items()}
        softmax = paddle.nn.functional.softmax(data["scores"])
        maps = {"classes": data["map_labels"]}
        losses = {
            "logits": class_loss(data["scores"], data["labels"]),
            "probabilities": class_loss(softmax, data["labels"]),
            "scaled": class_loss(paddle.scale(softmax, 1.0), data["labels"]),
            "map": task.loss({"out": data["maps"]}, maps),
            "small map": task.loss({"out": data["small_maps"]}, maps),
        }
        try:
            task.loss({"out": paddle.argmax(data["maps"], axis=1)}, maps)
        except InputError:
            losses["argmax"] = paddle.ones([1])
    values = paddle.static.Executor(paddle.CPUPlace()).run(main, feed=given, fetch_list=list(losses.values()))
    return {name: float(value.mean()) for name, value in zip(losses, values, strict=True)}
