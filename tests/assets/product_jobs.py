"""Networks of matrix products whose weights Paddle Inference's INT8 misreads: `python product_jobs.py FOLDER` makes them."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.experiment import TaskSource
from workbench.models.importers import import_job
from workbench.models.model import Model
from workbench.quant.static import quantize_job
from workbench.tasks import Sample, Task
from workbench.tasks.base import Inputs, Outputs
from workbench.tasks.loader import task_spec

WIDTH = 64


def weights() -> dict[str, list[np.ndarray]]:
    """By network: `square` has columns of other sizes, `steep` small values behind, `even` none of either, `last` both."""
    random = np.random.default_rng(0)
    square = random.uniform(-1, 1, size=(WIDTH, WIDTH)) * np.linspace(0.5, 1.0, WIDTH)
    steep = random.normal(size=(WIDTH, 4))
    steep[WIDTH // 2 :] *= 0.01
    even = random.uniform(-1, 1, size=(WIDTH, 2 * WIDTH))
    return {"square": [square], "steep": [steep], "even": [even], "last": [square, steep]}


class Noise(Task):
    """Positive random vectors."""

    primary_metric = ""

    def calibration(self) -> list[Sample]:
        return [_sample(seed) for seed in range(8)]

    def evaluation(self) -> list[Sample]:
        return [_sample(seed) for seed in range(100, 108)]

    def preprocess(self, image: np.ndarray) -> tuple[Inputs, None]:
        return {"x": image[np.newaxis]}, None

    def postprocess(self, outputs: Outputs, meta: None) -> None:
        return None

    def metric(self, predictions: Any, truths: Any) -> dict[str, float]:
        return {}


def _sample(seed: int) -> Sample:
    vector = np.abs(np.random.default_rng(seed).normal(size=WIDTH)).astype(np.float32)
    return Sample.from_array(str(seed), vector, truth=None, decode=lambda array: array)


def quantize_and_run(channel: Any, *, folder: str, models: str) -> dict[str, dict[str, Any]]:
    """Worker job: by network the INT8 Model's digest, and its noise of its outputs in Paddle Inference, as a share of those of Paddle's executor."""
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    task = task_spec(TaskSource(file=Path(__file__)), Path(folder))
    x = np.concatenate([sample.decode()[np.newaxis] for sample in Noise(None, Path()).evaluation()])
    found = {}
    for name in weights():
        digest = import_job(channel, source={"path": f"{folder}/{name}"}, models=models)["digest"]
        made = quantize_job(
            channel, model=f"{models}/{digest}", task=task, method="static", options={"algo": "abs_max"}, variant="",
            kept=f"{folder}/{name}.npz", models=models,
        )["digest"]  # fmt: skip
        model = Model.open(Path(models) / made)
        executor = paddle.static.Executor(paddle.CPUPlace())
        with paddle.static.scope_guard(paddle.static.Scope()):
            program, feeds, fetches = paddle.static.load_inference_model(str(model.paddle_prefix), executor)
            wanted = executor.run(program, feed={feeds[0]: x}, fetch_list=fetches)[0]
        with BACKENDS["paddle_inference"].open(model, Settings.model_validate({"precision": "int8"})) as session:
            got = next(iter(session.run({"x": x}).values()))
        noise = float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))
        found[name] = {"digest": made, "noise": noise}
    return found


def main(folder: Path) -> None:
    """Write the networks."""
    import paddle
    from paddle import nn

    for name, given in weights().items():
        layers = []
        for weight in given:
            layer = nn.Linear(*weight.shape)
            layer.weight.set_value(weight.astype(np.float32))
            layers += [layer, nn.ReLU()]
        network = nn.Sequential(*layers[:-1])
        network.eval()
        spec = paddle.static.InputSpec([-1, WIDTH], "float32", name="x")
        static = paddle.jit.to_static(network, input_spec=[spec], full_graph=True)
        paddle.jit.save(static, str(folder / name / "model"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
