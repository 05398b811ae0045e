"""Trains the shipped segmenter of ink: `python -m workbench.models.train_digits_segmentation --out FILE`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.models.sample import DETECTOR_WEIGHTS, SEGMENTER_WEIGHTS, data_folder, load_weights
from workbench.models.train_command import train_command
from workbench.tasks.digits import normalise
from workbench.tasks.digits_scenes import weights_scenes
from workbench.tasks.digits_segmentation import DigitsSegmentation, DigitsSegmentationOptions

CYCLES = ((120, 3e-3),)  # steps and peak learning rate
BATCH = 16


def batches(seed: int) -> Iterator[tuple[Any, Any]]:
    """Endless batches of tensors: images and class maps."""
    paddle = import_paddle()
    source = weights_scenes(seed)
    while True:
        scenes = list(islice(source, BATCH))
        images = np.stack([normalise(scene.image) for scene in scenes])
        maps = np.stack([scene.ink for scene in scenes]).astype(np.int64)
        yield paddle.to_tensor(images), paddle.to_tensor(maps)


def segmentation_loss(network: Any, batch: tuple[Any, Any]) -> Any:
    """Cross entropy of every second pixel in each direction; which ones is chance, so that no border is shifted."""
    import paddle
    from paddle.nn import functional

    images, maps = batch
    row, column = (int(first) for first in paddle.randint(0, 2, [2]))
    return functional.cross_entropy(network.half(images), maps[:, row::2, column::2], axis=1)


def train(seed: int) -> Any:
    """A trained segmenter; its trunk starts as that of the shipped detector, which has seen digits already."""
    from workbench.models.scene_networks import Detector, Segmenter
    from workbench.models.training import fit

    network = Segmenter()
    detector = load_weights(Detector(), data_folder() / DETECTOR_WEIGHTS)
    network.trunk.set_state_dict(detector.trunk.state_dict())
    fit(network, batches(seed), segmentation_loss, cycles=CYCLES)
    return network


if __name__ == "__main__":
    train_command(__doc__, SEGMENTER_WEIGHTS, train, DigitsSegmentation(DigitsSegmentationOptions(), Path()))
