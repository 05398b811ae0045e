"""Networks of `paddle.vision` without trained weights, made fit for quantization by real batch norm statistics.

Random weights alone give degenerate ranges: batch norm with its initial statistics (mean 0, variance 1) lets activations
grow or die out layer by layer. One train-mode pass over photographs makes every layer's output unit variance.
"""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.tasks.loader import load_task
from workbench.worker import Channel

BATCH = 8
SEED = 0
OPSET = 17


def build_job(channel: Channel, *, network: str, task: dict[str, Any], folder: str) -> dict[str, str]:
    """Worker job: build a network by its name in `paddle.vision.models` into `folder`.

    Leaves `model.pdmodel`, `model.pdiparams` (legacy program) and, exported from them, `model.onnx`: input "image",
    float32 [1, 3, size, size], output logits [1, 1000].
    """
    paddle = import_paddle()
    import paddle.vision.models as zoo
    import paddle2onnx

    from workbench.models.architectures.random_weights import settle_batch_norms

    paddle.seed(SEED)
    made: Any = getattr(zoo, network)()
    pictures = _pictures(load_task(task))
    batches = [[pictures[start : start + BATCH]] for start in range(0, len(pictures), BATCH)]
    settle_batch_norms(made, batches, progress=channel.progress)
    target = Path(folder)
    spec = paddle.static.InputSpec([1, *pictures.shape[1:]], "float32", "image")
    paddle.jit.save(made, str(target / "model"), input_spec=[spec])
    paddle2onnx.export(
        str(target / "model.pdmodel"),
        str(target / "model.pdiparams"),
        save_file=str(target / "model.onnx"),
        opset_version=OPSET,
    )
    return {"paddle": str(target / "model.pdmodel"), "onnx": str(target / "model.onnx")}


def _pictures(task: Any) -> np.ndarray[Any, Any]:
    """The inputs [n, 3, size, size] for the statistics."""
    return np.concatenate([next(iter(task.preprocess(s.decode())[0].values())) for s in task.statistics()])
