"""A network that Paddle Inference puts into INT8 and then cannot run, unless some of it stays in float."""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.compatibility import import_paddle
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.quant.static import quantize_job
from workbench.records import Device, Precision
from workbench.tasks.loader import load_task
from workbench.worker import Channel


def run_pooling(channel: Channel, *, folder: str, task: dict[str, Any]) -> dict[str, Any]:
    """Quantize a network that pools to bins of several sizes, and run it in FP32 and INT8."""
    paddle = import_paddle()
    from paddle import nn

    class Pooled(nn.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2D(3, 8, 3, padding=1)
            self.second = nn.Conv2D(8, 8, 1)
            self.last = nn.Conv2D(8, 4, 1)

        def forward(self, x: Any) -> Any:
            x = nn.functional.relu(self.first(x))
            x = nn.functional.relu(self.second(nn.functional.adaptive_avg_pool2d(x, 3)))
            return self.last(x).mean([2, 3])

    paddle.disable_static()
    paddle.seed(0)
    network = Pooled()
    network.eval()
    root = Path(folder)
    spec = paddle.static.InputSpec([None, 3, 16, 16], "float32", "image")
    paddle.jit.save(network, str(root / "given" / "model"), input_spec=[spec])
    digest = import_job(channel, source={"path": str(root / "given")}, models=folder)["digest"]
    made = quantize_job(
        channel, model=str(root / digest), task=task, method="static", options={"algo": "abs_max"}, variant="",
        kept=str(root / "kept.npz"), models=folder,
    )["digest"]  # fmt: skip
    loaded = load_task(task)
    image, _ = loaded.preprocess(loaded.evaluation()[0].decode())
    outputs, described = {}, {}
    for precision, name in ((Precision.FP32, digest), (Precision.INT8, made)):
        settings = Settings(device=Device.CPU, precision=precision, pinned=False, threads=1, batch=1, options={})
        with BACKENDS["paddle_inference"].open(Model.open(root / name), settings) as session:
            outputs[precision] = next(iter(session.run(image).values()))
            session.run(image)
            described[precision] = session.describe()
    return {
        "difference": float(np.abs(outputs[Precision.INT8] - outputs[Precision.FP32]).max()),
        "largest": float(np.abs(outputs[Precision.FP32]).max()),
        "kept_in_float": described[Precision.INT8].get("kept_in_float", []),
        "kept_in_fp32": described[Precision.FP32].get("kept_in_float", []),
        "int8_share": described[Precision.INT8]["int8_share"],
    }
