"""The command line that the training scripts of the small samples share."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.compatibility import import_paddle
from workbench.models.sample import data_folder, load_weights
from workbench.models.train_digits import save_weights
from workbench.tasks.base import Sample
from workbench.tasks.digits_parts import Part, PartSamples

VALIDATION_SAMPLES = 300


def train_command(about: str | None, file: str, train: Callable[[int], Any], task: PartSamples) -> None:
    """Train with the seed that the command line gives, write the weights to `file` in `data/`, and log what these reach.

    `train` takes the seed and gives a network; `task` judges it, in float32 from the float16 weights that were written.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, help=f"default: {file} in data/ of this checkout")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # more round in another order each time
    paddle = import_paddle()
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stdout)
    logger = logging.getLogger("workbench")
    logger.setLevel(logging.INFO)  # here, since importing paddle sets the root logger to WARNING
    out = args.out or data_folder() / file
    start = time.perf_counter()
    paddle.seed(args.seed)
    network = train(args.seed)
    save_weights(network, out)
    logger.info("wrote %s after %.0f s", out, time.perf_counter() - start)
    load_weights(network, out)
    for name, samples in (
        ("validation", task.part(Part.VALIDATION, VALIDATION_SAMPLES)),
        ("held-out", list(task.evaluation())),
    ):
        reached = judge(network, task, samples)
        logger.info("%s: %s", name, ", ".join(f"{key} {value:.2f}" for key, value in reached.items()))


def judge(network: Any, task: PartSamples, samples: list[Sample]) -> dict[str, float]:
    """The task's metrics of a network over some samples, one at a time."""
    import paddle

    network.eval()
    predictions = []
    with paddle.no_grad():
        for sample in samples:
            inputs, meta = task.preprocess(sample.decode())
            found = network(*map(paddle.to_tensor, inputs.values()))
            outputs = found if isinstance(found, tuple) else (found,)
            named = {f"output_{index}": output.numpy() for index, output in enumerate(outputs)}
            predictions.append(task.to_json(task.postprocess(named, meta)))
    return task.metric(predictions, [sample.truth for sample in samples])
