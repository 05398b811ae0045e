"""Building a network by name as a Paddle inference model."""

from pathlib import Path

from workbench.compatibility import import_paddle
from workbench.errors import UnavailableError
from workbench.models.architectures.registry import Architecture
from workbench.worker import Channel

STATISTICS_SIDE = 192


def build_architecture(channel: Channel, architecture: Architecture, folder: Path) -> None:
    """Write a network with random weights as `model.pdmodel` and `model.pdiparams` (legacy program) into `folder`.

    The same name and shapes give the same weights. Raises UnavailableError where a package that has its layers is missing.
    """
    if lacking := architecture.missing():
        raise UnavailableError(f"architecture {architecture.name}: {lacking}")
    paddle = import_paddle()
    from workbench.models.architectures.random_weights import (
        SEED,
        copy_weights,
        drawn_batches,
        fill,
        settle_batch_norms,
    )

    was_dynamic = paddle.in_dynamic_mode()
    paddle.disable_static()
    try:
        paddle.seed(SEED)
        # Statistics hardly depend on the size of an image, and what they cost does.
        small = architecture.with_images_within(STATISTICS_SIDE)
        network = small.build()
        fill(network)
        settle_batch_norms(network, drawn_batches(small.inputs), progress=channel.progress)
        if small != architecture:
            network, settled = architecture.build(), network
            copy_weights(settled, network)
            network.eval()
        for layer in network.sublayers(include_self=True):
            # PaddleDetection's blocks that train as several convolutions and run as one.
            if hasattr(layer, "convert_to_deploy"):
                layer.convert_to_deploy()
        specs = [paddle.static.InputSpec(given.shape, given.dtype, given.name) for given in architecture.inputs]
        paddle.jit.save(network, str(folder / "model"), input_spec=specs)
    finally:
        if not was_dynamic:
            paddle.enable_static()
