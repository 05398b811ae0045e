"""The sample models that ship with the checkout: their weights, and how to build a Paddle model from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle
from workbench.errors import InputError
from workbench.files import file_digest

CHECKSUMS = "checksums.sha256"
DETECTOR_WEIGHTS = "digits_detection.npz"
SEGMENTER_WEIGHTS = "digits_segmentation.npz"
TEXT_WEIGHTS = "digits_text.npz"
SCENE: tuple[list[int | None], str] = ([None, 3, 128, 128], "float32")


def data_folder() -> Path:
    """The `data/` folder of the checkout that this package runs from."""
    folder = Path(__file__).resolve().parents[2] / "data"
    if not folder.is_dir():
        raise InputError(f"no sample data at {folder}: run from a checkout, installed with `pip install --editable .`")
    return folder


def verify_checksum(path: Path) -> None:
    """Raise InputError unless the sha256 of `path` is the one that `checksums.sha256` beside it states."""
    sums = path.with_name(CHECKSUMS)
    try:
        stated = {name: digest for digest, name in (line.split() for line in sums.read_text().splitlines())}
        found = file_digest(path)
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: restore it with `git checkout -- data`") from error
    if found != stated.get(path.name):
        wanted = stated.get(path.name)
        raise InputError(f"{path}: sha256 {found}, {CHECKSUMS} states {wanted}: restore it with `git checkout -- data`")


def digits_network(weights: Path | None = None, *, scale: float = 1.0) -> Any:
    """MobileNetV1 of ten classes that gives logits [n, 10]; its weights come from an npz, or are random.

    `scale`: width of every layer against the published network's.
    """
    import_paddle()
    from paddle.vision.models import MobileNetV1

    network = MobileNetV1(scale=scale, num_classes=10)
    return network if weights is None else load_weights(network, weights)


def load_weights(network: Any, path: Path) -> Any:
    """The network with the float16 arrays of an npz as its parameters and statistics, widened to float32."""
    with np.load(path, allow_pickle=False) as arrays:
        network.set_state_dict({name: arrays[name].astype(np.float32) for name in arrays.files})
    return network


def build_digits_mobilenet(weights: Path, out_dir: Path, *, scale: float = 1.0) -> None:
    """Write the digits network as `model.pdmodel` + `model.pdiparams` (legacy program, float32) into `out_dir`.

    Input "image": float32 [n, 3, 224, 224]. Output: float32 [n, 10], probabilities (the softmax is in the model, as is
    usual for published classification models).
    """
    with _dynamic() as paddle:
        network = paddle.nn.Sequential(digits_network(weights, scale=scale), paddle.nn.Softmax())
        _save(network, {"image": ([None, 3, 224, 224], "float32")}, out_dir)


def build_digits_detection(weights: Path, out_dir: Path) -> None:
    """Write the detector of digits. Input "image": float32 [n, 3, 128, 128]; outputs: see `Detector`."""
    with _dynamic():
        from workbench.models.scene_networks import Detector

        _save(load_weights(Detector(), weights), {"image": SCENE}, out_dir)


def build_digits_segmentation(weights: Path, out_dir: Path) -> None:
    """Write the segmenter of digits. Input "image": float32 [n, 3, 128, 128]; output: see `Segmenter`."""
    with _dynamic():
        from workbench.models.scene_networks import Segmenter

        _save(load_weights(Segmenter(), weights), {"image": SCENE}, out_dir)


def build_digits_text(weights: Path, out_dir: Path) -> None:
    """Write the reader of number sentences. Inputs "input_ids", "token_type_ids": int64 [n, 24]; output: see `Encoder`."""
    with _dynamic():
        from workbench.models.text_network import Encoder
        from workbench.tasks.digits_sentences import LENGTH

        tokens = ([None, LENGTH], "int64")
        _save(load_weights(Encoder(), weights), {"input_ids": tokens, "token_type_ids": tokens}, out_dir)


@contextmanager
def _dynamic() -> Iterator[Any]:
    """Paddle, as long as networks are layers and not yet programs."""
    paddle = import_paddle()
    was_dynamic = paddle.in_dynamic_mode()
    paddle.disable_static()
    try:
        yield paddle
    finally:
        if not was_dynamic:
            paddle.enable_static()


def _save(network: Any, inputs: dict[str, tuple[list[int | None], Any]], out_dir: Path) -> None:
    from paddle import jit, static

    network.eval()
    specs = [static.InputSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]
    jit.save(network, str(out_dir / "model"), input_spec=specs)


@dataclass(frozen=True)
class SampleModel:
    """A model that ships as weights: `build(weights file, folder)` writes the Paddle model; `task` evaluates it."""

    name: str
    weights_file: str
    task: str
    build: Callable[[Path, Path], None]


SAMPLES = {
    sample.name: sample
    for sample in (
        SampleModel("digits_mobilenet_v1", "digits_mobilenet_v1.npz", "digits_classification", build_digits_mobilenet),
        SampleModel(
            "digits_mobilenet_v1_x0_25",
            "digits_mobilenet_v1_x0_25.npz",
            "digits_classification",
            partial(build_digits_mobilenet, scale=0.25),
        ),
        SampleModel("digits_detection", DETECTOR_WEIGHTS, "digits_detection", build_digits_detection),
        SampleModel("digits_segmentation", SEGMENTER_WEIGHTS, "digits_segmentation", build_digits_segmentation),
        SampleModel("digits_text", TEXT_WEIGHTS, "digits_text", build_digits_text),
    )
}


def build_sample(name: str, out_dir: Path) -> SampleModel:
    """Verify the weights of a sample model, build it into `out_dir`, and return its entry."""
    if name not in SAMPLES:
        raise InputError(f"no sample model {name!r}: choose from {', '.join(sorted(SAMPLES))}")
    sample = SAMPLES[name]
    weights = data_folder() / sample.weights_file
    verify_checksum(weights)
    sample.build(weights, out_dir)
    return sample
