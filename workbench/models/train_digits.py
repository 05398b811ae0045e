"""Trains the shipped MobileNetV1 on handwritten digits: `python -m workbench.models.train_digits --out FILE`."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from workbench.models.sample import data_folder, digits_network
from workbench.tasks.digits import IMAGE_SIZE, VALIDATION_SCANS, Digits, enlarge, load_digits, normalise

logger = logging.getLogger(__name__)

# Small pictures teach the shapes cheaply (the network is fully convolutional), the last epochs the deployed size. A
# change of size needs a high learning rate again: one cycle over all phases ended at 94 % (validation, 224 px).
PHASES = {  # by width: (pixels, epochs, peak learning rate)
    1.0: ((64, 10, 2e-3), (112, 3, 1e-3), (IMAGE_SIZE, 3, 1e-3)),
    0.25: ((64, 30, 5e-3), (112, 5, 3e-3), (IMAGE_SIZE, 4, 2e-3)),
}
BATCH = 16
WEIGHT_DECAY = 0.05
FILES = {1.0: "digits_mobilenet_v1.npz", 0.25: "digits_mobilenet_v1_x0_25.npz"}


def augment(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn, scale, shift, re-contrast and roughen a picture, uint8 [size, size, 3]."""
    import cv2

    size = len(picture)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-12, 12), rng.uniform(0.85, 1.15))
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.08, 0.08, 2) * size
    moved = cv2.warpAffine(picture, matrix, (size, size)).astype(np.float32)
    noise = rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0, 8)
    return np.rint(moved * rng.uniform(0.7, 1.2) + noise).clip(0, 255).astype(np.uint8)


def _batches(digits: Digits, size: int, *, rng: np.random.Generator | None = None) -> Iterator[tuple[Any, Any]]:
    """Batches of (image, label) tensors at `size` pixels; shuffled and augmented when `rng` is given."""
    import paddle

    count = len(digits.labels)
    order = np.arange(count) if rng is None else rng.permutation(count)
    for start in range(0, count, BATCH):
        rows = order[start : start + BATCH]
        pictures = [enlarge(scan, size) for scan in digits.scans[rows]]
        if rng is not None:
            pictures = [augment(picture, rng) for picture in pictures]
        yield paddle.to_tensor(np.stack([normalise(p) for p in pictures])), paddle.to_tensor(digits.labels[rows])


def top1(network: Any, digits: Digits, *, size: int = IMAGE_SIZE) -> float:
    """Percent of the digits that `network` classifies rightly at `size` pixels."""
    import paddle

    network.eval()
    with paddle.no_grad():
        right = sum(int((network(x).argmax(1) == y).sum()) for x, y in _batches(digits, size))
    return 100 * right / len(digits.labels)


def settle_batch_norm(network: Any, digits: Digits) -> None:
    """Replace the running statistics, a noisy mix of sizes, by plain averages over clean pictures at 224 pixels."""
    import paddle

    norms = [layer for layer in network.sublayers() if isinstance(layer, paddle.nn.BatchNorm2D)]
    network.train()
    with paddle.no_grad():
        for turn, (x, _) in enumerate(_batches(digits, IMAGE_SIZE)):
            for norm in norms:
                norm._momentum = turn / (turn + 1)
            network(x)


def _depthwise(conv: Any, x: Any) -> Any:
    """Depthwise 3x3 convolution of small maps as a matrix product, about five times faster than paddle's on a CPU."""
    from paddle.nn import Conv2D
    from paddle.nn.functional import unfold

    count, channels, _, width = x.shape
    if width > 4:
        return Conv2D.forward(conv, x)
    out = -(-width // conv._stride[0])
    columns = unfold(x, 3, strides=conv._stride, paddings=1).reshape([count, channels, 9, out * out])
    return (conv.weight.reshape([1, channels, 1, 9]) @ columns).reshape([count, channels, out, out])


def train(fit: Digits, validation: Digits, *, seed: int = 0, scale: float = 1.0) -> Any:
    """Train a network on `fit`, logging the validation top-1 after each epoch; returns the paddle layer."""
    import paddle
    from paddle.nn.functional import cross_entropy, label_smooth, one_hot

    paddle.seed(seed)
    rng = np.random.default_rng(seed)
    network = digits_network(scale=scale)
    convolutions: list[Any] = [layer for layer in network.sublayers() if isinstance(layer, paddle.nn.Conv2D)]
    for conv in convolutions:
        if conv._groups > 1:
            conv.forward = partial(_depthwise, conv)
    optimizer = paddle.optimizer.AdamW(
        parameters=network.parameters(),
        weight_decay=WEIGHT_DECAY,
        # Decay shrinks whole channels when it also acts on batch norm, and such channels quantize badly.
        apply_decay_param_fun={p.name for p in network.parameters() if p.ndim > 1}.__contains__,
    )
    for size, epochs, peak in PHASES[scale]:
        steps = epochs * -(-len(fit.labels) // BATCH)
        schedule = paddle.optimizer.lr.OneCycleLR(peak, total_steps=steps, phase_pct=0.2, end_learning_rate=1e-5)
        optimizer.set_lr_scheduler(schedule)
        for epoch in range(epochs):
            network.train()
            losses = []
            batches = _batches(fit, size, rng=rng)
            for x, y in tqdm(batches, desc=f"{size} px, epoch {epoch + 1}", disable=None):  # only on a terminal
                loss = cross_entropy(network(x), label_smooth(one_hot(y, 10)), soft_label=True)
                loss.backward()
                optimizer.step()
                optimizer.clear_grad()
                schedule.step()
                losses.append(float(loss))
            reached = top1(network, validation, size=size)
            logger.info(
                "%d px, epoch %d: loss %.3f, validation top-1 %.2f %%", size, epoch + 1, np.mean(losses), reached
            )
    settle_batch_norm(network, fit)
    return network


def save_weights(network: Any, path: Path) -> None:
    """Write the parameters and statistics of `network` as a compressed npz of float16 arrays."""
    arrays = {name: value.numpy().astype(np.float16) for name, value in network.state_dict().items()}
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train, write the weights, and log what the written weights reach on the held-out part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="default: the file in data/ of the checkout that holds these weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, choices=sorted(FILES), help="width of every layer")
    args = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)  # here, since importing paddle sets the root logger to WARNING
    os.environ["OMP_NUM_THREADS"] = "1"  # two were no faster, and round in another order each time
    out = args.out or data_folder() / FILES[args.scale]

    start = time.perf_counter()
    known, held_out = load_digits()
    fit, validation = known.part(slice(-VALIDATION_SCANS)), known.part(slice(-VALIDATION_SCANS, None))
    network = train(fit, validation, seed=args.seed, scale=args.scale)
    save_weights(network, out)
    written = digits_network(out, scale=args.scale)
    logger.info("wrote %s after %.0f s", out, time.perf_counter() - start)
    logger.info("validation top-1 %.2f %%, held-out top-1 %.2f %%", top1(written, validation), top1(written, held_out))


if __name__ == "__main__":
    main()
