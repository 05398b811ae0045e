"""Make every model that the tests use: `python build_models.py FOLDER`, in a process of its own since it needs Paddle."""

import os
import sys
from pathlib import Path

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np
import paddle
import tiny_task
from paddle import nn

TRAINING_STEPS = 60
BATCH = 32
SIZE, CLASSES = tiny_task.SIZE, tiny_task.CLASSES


def network(width: int) -> nn.Layer:
    """Conv, BN, ReLU, depthwise conv, conv, global pool, linear: what a mobile network is made of."""
    return nn.Sequential(
        nn.Conv2D(3, width, 3, padding=1, bias_attr=False), nn.BatchNorm2D(width), nn.ReLU(),
        nn.Conv2D(width, width, 3, padding=1, groups=width, bias_attr=False), nn.BatchNorm2D(width), nn.ReLU(),
        nn.Conv2D(width, 2 * width, 3, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(2 * width, CLASSES),
    )  # fmt: skip


class Strange(nn.Layer):
    """A network with an operator that paddle2onnx does not know, and few tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2D(3, CLASSES, SIZE, bias_attr=False)

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        return paddle.lgamma(self.conv(image)).flatten(1)


class Regions(nn.Layer):
    """As the R-CNN family does: features of boxes, whatever these are, go through the rest of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2D(3, 16, 3, padding=1), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2D(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 4, CLASSES))

    def forward(self, image: paddle.Tensor) -> paddle.Tensor:
        boxes = paddle.to_tensor(np.array([[0, 0, 7, 7]], np.float32))
        return self.head(paddle.vision.ops.roi_align(self.body(image), boxes, paddle.to_tensor([1]), 4))


class TwoHeads(nn.Layer):
    """A network of "image" with two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network(8)
        self.head = nn.Linear(CLASSES, 2)

    def forward(self, image: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        scores = self.body(image)
        return nn.functional.softmax(scores), self.head(scores)


class Sum(nn.Layer):
    """What it reads and a convolution of that, added in Python: Paddle calls the result tmp_0, the next tmp_1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2D(width, width, 3, padding=1), nn.ReLU())

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return x + self.layers(x)


def residual_network(width: int) -> nn.Layer:
    """Two sums, each read by a pool whose gradient needs it."""
    return nn.Sequential(
        nn.Conv2D(3, width, 3, padding=1), nn.ReLU(), Sum(width), nn.MaxPool2D(2), Sum(width), nn.MaxPool2D(2),
        nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(width, CLASSES),
    )  # fmt: skip


class Detector(nn.Layer):
    """Boxes as YOLO exports them: float32 [1, 400, 6] of "images", 640 pixels square."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2D(3, 8, 8, stride=8), nn.ReLU(), nn.Conv2D(8, 6, 4, stride=4), nn.Sigmoid())

    def forward(self, images: paddle.Tensor) -> paddle.Tensor:
        return self.layers(images).flatten(2).transpose([0, 2, 1])


class Segmenter(nn.Layer):
    """Scores of four classes for each pixel of "x", which may have any size."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2D(3, 8, 4, stride=4, bias_attr=False), nn.BatchNorm2D(8), nn.ReLU(),
            nn.Conv2D(8, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2D(8, CLASSES, 1),
        )  # fmt: skip

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return nn.functional.interpolate(self.layers(x), scale_factor=8, mode="bilinear")


def train(net: nn.Layer) -> None:
    """Teach it the textures: pictures that neither calibration nor evaluation has."""
    labels = np.arange(TRAINING_STEPS * BATCH) % CLASSES
    pictures = [tiny_task.make_picture(int(label), seed=20_000 + index) for index, label in enumerate(labels)]
    images = np.stack([tiny_task.normalise(picture) for picture in pictures])
    adam = paddle.optimizer.Adam(0.01, parameters=net.parameters())
    for step in range(TRAINING_STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        scores, truth = net(paddle.to_tensor(images[rows])), paddle.to_tensor(labels[rows])
        # Smoothed, so that the outputs are not all zeros and ones, which any bad conversion would match.
        loss = nn.functional.cross_entropy(scores, truth, label_smoothing=0.3)
        loss.backward()
        adam.step()
        adam.clear_grad()


def save(net: nn.Layer, stem: Path, *, batch: int | None = None, size: int = SIZE) -> None:
    """Write `stem`.pdmodel and `stem`.pdiparams, with a softmax at the end and an input named "image"."""
    write(nn.Sequential(net, nn.Softmax()), stem, "image", [batch, 3, size, size])


def write(net: nn.Layer, stem: Path, name: str, shape: list[int | None]) -> None:
    """Write `stem`.pdmodel and `stem`.pdiparams; the one input is float32 and has this name and shape."""
    stem.parent.mkdir(exist_ok=True)
    net.eval()
    spec = paddle.static.InputSpec(shape, "float32", name)
    # Each file names its tensors anew: conv2d_0.tmp_0, softmax_0.tmp_0.
    with paddle.utils.unique_name.guard():
        paddle.jit.save(net, str(stem), input_spec=[spec])
    for side_file in stem.parent.glob("*.pdiparams.info"):
        side_file.unlink()


def export(stem: Path, target: Path) -> None:
    """Write the saved model as ONNX."""
    import paddle2onnx

    target.parent.mkdir(exist_ok=True)
    model, params = (f"{stem}.{kind}" for kind in ("pdmodel", "pdiparams"))
    paddle2onnx.export(model, params, save_file=str(target), opset_version=17, deploy_backend="onnxruntime")


def main(folder: Path) -> None:
    paddle.seed(0)
    tiny = network(8)
    train(tiny)
    save(tiny, folder / "tiny" / "tiny")
    save(tiny, folder / "fixed" / "fixed", batch=1)
    save(network(64), folder / "wide" / "wide")
    save(residual_network(8), folder / "residual" / "residual")
    save(nn.Sequential(nn.BatchNorm2D(3), nn.AdaptiveAvgPool2D(1), nn.Flatten()), folder / "plain" / "plain")
    save(tiny, folder / "photo" / "inference", size=224)
    save(nn.Sequential(network(16), nn.ReLU(), nn.Linear(CLASSES, CLASSES)), folder / "deep" / "deep")
    write(TwoHeads(), folder / "two_heads" / "two_heads", "image", [None, 3, SIZE, SIZE])
    save(
        nn.Sequential(
            nn.Conv2D(3, 8, 3, stride=2),
            nn.ReLU(),
            nn.Conv2DTranspose(8, 8, 2, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2D(1),
            nn.Flatten(),
            nn.Linear(8, CLASSES),
        ),
        folder / "enlarging" / "enlarging",
    )
    save(Regions(), folder / "regions" / "regions", batch=1)
    save(Strange(), folder / "strange" / "strange")
    write(Detector(), folder / "detector" / "detector", "images", [1, 3, 640, 640])
    write(Segmenter(), folder / "segmenter" / "model", "x", [None, 3, None, None])
    export(folder / "detector" / "detector", folder / "onnx" / "detector.onnx")
    export(folder / "tiny" / "tiny", folder / "onnx" / "tiny.onnx")
    export(folder / "fixed" / "fixed", folder / "onnx" / "fixed.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
