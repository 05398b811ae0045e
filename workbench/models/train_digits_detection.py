"""Trains the shipped detector of handwritten digits: `python -m workbench.models.train_digits_detection --out FILE`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import import_paddle
from workbench.models.sample import DETECTOR_WEIGHTS
from workbench.models.train_command import train_command
from workbench.tasks.digits import normalise
from workbench.tasks.digits_detection import DigitsDetection, DigitsDetectionOptions
from workbench.tasks.digits_scenes import Scene, weights_scenes

CYCLES = ((600, 4e-3), (250, 2e-3))  # steps and peak learning rate
BATCH = 16
CENTRAL = 0.5  # points in this middle part of a box look for its digit
NEAR = 5.0  # pixels; so do points this near to the middle, however small the digit
BOX_WEIGHT = 2.0


class Targets(NamedTuple):
    """What each point is to find: digit int64 [points], -1 for none, and box float32 [points, 4]."""

    digits: NDArray[np.int64]
    boxes: NDArray[np.float32]


def assign(scene: Scene, points: NDArray[np.float32]) -> Targets:
    """Give each point, x, y in float32 [points, 2], the smallest digit in whose middle it lies."""
    digits = np.full(len(points), -1, np.int64)
    boxes = np.zeros((len(points), 4), np.float32)
    areas = np.prod(scene.boxes[:, 2:] - scene.boxes[:, :2], axis=1)
    for index in np.argsort(-areas):
        box = scene.boxes[index]
        middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        near = np.abs(points - middle) <= np.minimum(half, np.maximum(half * CENTRAL, NEAR))
        mine = near.all(axis=1)
        digits[mine] = scene.digits[index]
        boxes[mine] = box
    return Targets(digits, boxes)


def batches(seed: int) -> Iterator[tuple[Any, Any, Any]]:
    """Endless batches of tensors: images, digits by point and boxes by point."""
    from workbench.models.scene_networks import point_centres

    paddle = import_paddle()
    points = point_centres()
    source = weights_scenes(seed)
    while True:
        scenes = list(islice(source, BATCH))
        targets = [assign(scene, points) for scene in scenes]
        images = np.stack([normalise(scene.image) for scene in scenes])
        yield tuple(
            paddle.to_tensor(array)
            for array in (images, np.stack([t.digits for t in targets]), np.stack([t.boxes for t in targets]))
        )


def detection_loss(network: Any, batch: tuple[Any, Any, Any]) -> Any:
    """Generalized IoU of the boxes, and scores that are to say how well the box fits.

    After "Generalized Focal Loss" (Li et al., 2020; quality focal loss) and "Generalized Intersection over Union"
    (Rezatofighi et al., 2019).
    """
    import paddle
    from paddle.nn import functional

    images, digits, wanted = batch
    boxes, scores = network(images)
    found = digits >= 0
    fit, general = _overlaps(boxes[found], wanted[found])
    quality = paddle.zeros(digits.shape)
    quality[found] = fit.detach().clip(0, 1)
    target = functional.one_hot(digits.clip(0), scores.shape[1]) * quality.unsqueeze(-1)
    scores = scores.transpose([0, 2, 1]).clip(1e-6, 1 - 1e-6)
    focus = (target - scores.detach()).abs() ** 2
    weight = quality.sum().clip(1.0)
    score_loss = functional.binary_cross_entropy(scores, target, weight=focus, reduction="sum") / weight
    box_loss = ((1 - general) * quality[found]).sum() / weight
    return score_loss + BOX_WEIGHT * box_loss


def _overlaps(a: Any, b: Any) -> tuple[Any, Any]:
    """IoU and generalized IoU of pairs of boxes [n, 4]."""
    import paddle

    def area(low: Any, high: Any) -> Any:
        return (high - low).clip(0).prod(axis=-1)

    (a_low, a_high), (b_low, b_high) = (paddle.split(box, 2, axis=-1) for box in (a, b))
    shared = area(paddle.maximum(a_low, b_low), paddle.minimum(a_high, b_high))
    union = area(a_low, a_high) + area(b_low, b_high) - shared
    around = area(paddle.minimum(a_low, b_low), paddle.maximum(a_high, b_high))
    iou = shared / (union + 1e-6)
    return iou, iou - (around - union) / (around + 1e-6)


def train(seed: int) -> Any:
    """A trained detector."""
    from workbench.models.scene_networks import Detector
    from workbench.models.training import fit

    network = Detector()
    fit(network, batches(seed), detection_loss, cycles=CYCLES)
    return network


if __name__ == "__main__":
    train_command(__doc__, DETECTOR_WEIGHTS, train, DigitsDetection(DigitsDetectionOptions(), Path()))
