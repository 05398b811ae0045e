"""Jobs of the tests of networks without trained weights: building several in one worker saves loading Paddle for each."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.models.architectures.build import build_architecture
from workbench.models.architectures.drawing import draw
from workbench.models.architectures.registry import find_architecture
from workbench.models.cleanup.random_run import largest_difference, run
from workbench.models.complexity import multiply_adds
from workbench.worker import Channel


def costs(channel: Channel, *, shapes: dict[str, dict[str, list[int]]]) -> dict[str, dict[str, float]]:
    """Parameters (without what batch norms keep) and multiply-adds of each network for inputs of such shapes."""
    paddle = import_paddle()
    found = {}
    for name, given in shapes.items():
        architecture = find_architecture(name, given)
        paddle.disable_static()
        network = architecture.build()
        network.eval()
        specs = [paddle.static.InputSpec(one.shape, one.dtype, one.name) for one in architecture.inputs]
        with TemporaryDirectory() as folder:
            paddle.jit.save(network, f"{folder}/model", input_spec=specs)
            paddle.enable_static()
            program, _, _ = paddle.static.load_inference_model(
                f"{folder}/model", paddle.static.Executor(paddle.CPUPlace())
            )
        statistics = ("_mean", "_variance")
        parameters = sum(int(np.prod(p.shape)) for key, p in network.named_parameters() if not key.endswith(statistics))
        found[name] = {"params_m": parameters / 1e6, "gmacs": (multiply_adds(program) or 0) / 1e9}
        channel.progress(len(found), len(shapes), name)
    return found


def signals(channel: Channel, *, names: dict[str, dict[str, list[int]]]) -> dict[str, Any]:
    """What each network built with random weights makes of a drawn sample, and of one that differs by a single rounding."""
    found = {}
    for name, given in names.items():
        architecture = find_architecture(name, given)
        with TemporaryDirectory() as folder:
            build_architecture(channel, architecture, Path(folder))
            inputs = {one.name: draw(one, (2, 0, number))[np.newaxis] for number, one in enumerate(architecture.inputs)}
            outputs = run(Path(folder) / "model", inputs)
            nudged = {key: np.nextafter(value, np.inf, dtype=value.dtype) for key, value in inputs.items()}
            found[name] = {
                "shapes": [list(output.shape) for output in outputs],
                "largest": max(float(np.abs(output).max()) for output in outputs),
                "spread": min(float(output.std()) for output in outputs),
                "rounding": largest_difference(outputs, run(Path(folder) / "model", nudged)),
                "again": [output.ravel()[:8].tolist() for output in outputs],
            }
    return found
