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
from workbench.models.sample import data_folder


def train_command(
    about: str | None, file: str, train: Callable[[int], Any], judge: Callable[[Any], dict[str, float]]
) -> None:
    """Train with the seed that the command line gives, write the weights to `file` in `data/`, and log what these reach.

    `train` takes the seed and gives a network, `judge` takes a network and gives figures by name.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--out", type=Path, help=f"default: {file} in data/ of this checkout")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # more round in another order each time
    paddle = import_paddle()
    from workbench.models.training import load_weights, save_weights

    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stdout)
    logger = logging.getLogger("workbench")
    logger.setLevel(logging.INFO)  # here, since importing paddle sets the root logger to WARNING
    out = args.out or data_folder() / file
    start = time.perf_counter()
    paddle.seed(args.seed)
    network = train(args.seed)
    save_weights(network, out)
    logger.info("wrote %s after %.0f s", out, time.perf_counter() - start)
    with paddle.no_grad():
        reached = judge(load_weights(network, out))
    logger.info(", ".join(f"{name} {value:.2f}" for name, value in reached.items()))
