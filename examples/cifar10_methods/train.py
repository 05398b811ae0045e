"""Trains the small CNN of this example from nothing and exports it for inference: `python train.py --data FILE`.

The teacher of method `distill_only` is the same network, wider: `python train.py --data FILE --width 32 --out trained/teacher`.
"""

import argparse
import hashlib
import io
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from task import CLASSES, SEARCH_IMAGES, SHIFT, SIZE, Images, Photographs, normalise, read_photographs, split_train

from workbench.compatibility import import_paddle
from workbench.errors import InputError
from workbench.files import content_hash, write_bytes

logger = logging.getLogger("train")

HERE = Path(__file__).parent
# Crops teach the shapes for half the time that whole images take; the last epochs show whole images.
CROP = 24  # pixels, both sides
CROP_EPOCHS = 0.7  # of all
BATCH = 64
PEAK_RATE = 0.08
WARMUP = 0.2  # of all steps
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.05


def make_network(width: int) -> Any:
    """Four stages of `width`, 2, 4 and 8 times `width` channels, the middle two with a residual; gives logits [n, 10]."""
    from paddle import nn

    class Residual(nn.Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    def convolution(inputs: int, outputs: int) -> Any:
        layer = nn.Conv2D(inputs, outputs, 3, padding=1, bias_attr=False)
        return nn.Sequential(layer, nn.BatchNorm2D(outputs), nn.ReLU())

    return nn.Sequential(
        convolution(3, width), nn.MaxPool2D(2),
        convolution(width, 2 * width), Residual(convolution(2 * width, 2 * width)), nn.MaxPool2D(2),
        convolution(2 * width, 4 * width), Residual(convolution(4 * width, 4 * width)), nn.MaxPool2D(2),
        convolution(4 * width, 8 * width), nn.AdaptiveAvgPool2D(1), nn.Flatten(),
        nn.Linear(8 * width, CLASSES),
    )  # fmt: skip


def augment(images: Images, random: np.random.Generator, *, size: int) -> Images:
    """Square parts of `size` pixels, their place chosen within 8 pixels, mirrored borders around them, every other one flipped."""
    padding = SHIFT - (SIZE - size) // 2
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))  # [n, down, right, 3, y, x]
    down, right = random.integers(0, 2 * SHIFT + 1, (2, len(images)))
    parts = windows[np.arange(len(images)), down, right].transpose(0, 2, 3, 1)
    flipped = random.random(len(images)) < 0.5
    parts[flipped] = parts[flipped][:, :, ::-1]
    return parts


def batches(photographs: Photographs, *, size: int, random: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Batches of (images, classes) as tensors, in random order, augmented; those that fill no batch are left out."""
    import paddle

    count = min(BATCH, len(photographs.classes))
    order = random.permutation(len(photographs.classes))
    for start in range(0, len(order) - count + 1, count):
        rows = order[start : start + count]
        images = normalise(augment(photographs.images[rows], random, size=size))
        yield paddle.to_tensor(images), paddle.to_tensor(photographs.classes[rows])


def top1(network: Any, photographs: Photographs) -> float:
    """Percent of the photographs whose class the network finds."""
    import paddle

    network.eval()
    right = 0
    with paddle.no_grad():
        for start in range(0, len(photographs.classes), BATCH):
            part = photographs.part(slice(start, start + BATCH))
            right += int((network(paddle.to_tensor(normalise(part.images))).numpy().argmax(1) == part.classes).sum())
    return 100 * right / len(photographs.classes)


def learning_rate(done: float) -> float:
    """The rate when this share of the steps is done: up to the peak, then down to 0, in straight lines."""
    return PEAK_RATE * min((done + 0.01) / WARMUP, (1 - done) / (1 - WARMUP))


def save(checkpoint: Path, states: dict[str, Any], *, settings: str, epochs_done: int) -> None:
    """Write where a training is."""
    arrays = {f"{part}/{name}": value.numpy() for part, state in states.items() for name, value in state.items()}
    buffer = io.BytesIO()
    np.savez(buffer, settings=np.array(settings), epochs_done=np.array(epochs_done), **arrays)
    write_bytes(checkpoint, buffer.getvalue())


def restore(checkpoint: Path, parts: dict[str, Any], *, settings: str) -> int:
    """Put what `save` wrote into the parts; returns the epochs done, 0 where there is no checkpoint of these settings."""
    if not checkpoint.is_file():
        return 0
    with np.load(checkpoint, allow_pickle=False) as arrays:
        if str(arrays["settings"]) != settings:
            return 0
        for name, part in parts.items():
            part.set_state_dict(
                {key.removeprefix(f"{name}/"): arrays[key] for key in arrays.files if key.startswith(f"{name}/")}
            )
        return int(arrays["epochs_done"])


def train(fit: Photographs, search: Photographs, *, width: int, epochs: int, seed: int, checkpoint: Path) -> Any:
    """Train a network, or take up the training of these settings that the checkpoint holds; returns the paddle layer."""
    import paddle
    from paddle.nn.functional import cross_entropy, label_smooth, one_hot

    paddle.seed(seed)
    with paddle.utils.unique_name.guard():  # the optimizer's state goes by these names
        network = make_network(width)
    optimizer = paddle.optimizer.Momentum(
        PEAK_RATE, 0.9, parameters=network.parameters(), use_nesterov=True, weight_decay=WEIGHT_DECAY
    )
    per_epoch = max(1, len(fit.classes) // BATCH)
    settings = content_hash([width, epochs, seed, len(fit.classes), hashlib.sha256(fit.images.tobytes()).hexdigest()])
    parts = {"network": network, "optimizer": optimizer}
    for epoch in range(restore(checkpoint, parts, settings=settings), epochs):
        start = time.perf_counter()
        size = CROP if epoch < round(CROP_EPOCHS * epochs) else SIZE
        network.train()
        losses = []
        for step, (images, classes) in enumerate(batches(fit, size=size, random=np.random.default_rng([seed, epoch]))):
            optimizer.set_lr(learning_rate((epoch * per_epoch + step) / (epochs * per_epoch)))
            wanted = label_smooth(one_hot(classes, CLASSES), epsilon=LABEL_SMOOTHING)
            loss = cross_entropy(network(images), wanted, soft_label=True)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
            losses.append(float(loss))
        seconds = time.perf_counter() - start
        states = {name: part.state_dict() for name, part in parts.items()}
        save(checkpoint, states, settings=settings, epochs_done=epoch + 1)
        logger.info(
            "epoch %d of %d, %d px: loss %.3f, top-1 of the search images %.2f %%, %.0f s (%.1f ms an image)",
            epoch + 1, epochs, size, np.mean(losses), top1(network, search), seconds, 1e3 * seconds / len(fit.classes),
        )  # fmt: skip
    return network


def export(network: Any, folder: Path) -> None:
    """Write `model.pdmodel` and `model.pdiparams`: input "image", float32 [n, 3, 32, 32]; output: probabilities, float32 [n, 10]."""
    import paddle

    whole = paddle.nn.Sequential(network, paddle.nn.Softmax())
    whole.eval()
    spec = paddle.static.InputSpec([None, 3, SIZE, SIZE], "float32", "image")
    paddle.jit.save(whole, str(folder / "model"), input_spec=[spec])


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="npz file with the photographs (see task.py)")
    parser.add_argument("--out", type=Path, default=HERE / "trained/model", help="folder of the exported model")
    parser.add_argument("--width", type=at_least_one, default=24, help="channels of the first stage")
    parser.add_argument("--epochs", type=at_least_one, default=12, help="passes over the images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=at_least_one, default=1, help="another number rounds in another order")
    parser.add_argument("--search-images", type=at_least_one, default=SEARCH_IMAGES, help="training images held out")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train, export, and log what the network reaches on the test images; returns the exit code."""
    args = parse_arguments(arguments)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stdout)
    try:
        fit, search = split_train(args.data, search_images=args.search_images)
        test = read_photographs(args.data, "test")
    except InputError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    import_paddle()
    logger.setLevel(logging.INFO)  # here, since importing paddle sets the root logger to WARNING
    start = time.perf_counter()
    checkpoint = args.out / "checkpoint.npz"
    network = train(fit, search, width=args.width, epochs=args.epochs, seed=args.seed, checkpoint=checkpoint)
    export(network, args.out)
    checkpoint.unlink()
    logger.info("wrote %s after %.0f s", args.out, time.perf_counter() - start)
    logger.info(
        "top-1 of the search images %.2f %%, of the test images %.2f %%", top1(network, search), top1(network, test)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
