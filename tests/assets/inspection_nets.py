"""One small network of each family, as Paddle models and as ONNX, and what `workbench inspect` reads in them; run in a worker."""

from pathlib import Path
from typing import Any

import paddle
from build_models import CLASSES, Detector, Segmenter, network
from nms_nets import SIZE, PaddleDetector
from paddle import nn

from workbench.inspection.description import describe_job
from workbench.worker import Channel

IMAGE = paddle.static.InputSpec([1, 3, SIZE, SIZE], "float32", "image")
SCALE = paddle.static.InputSpec([1, 2], "float32", "scale_factor")
ANY_IMAGE = paddle.static.InputSpec([None, 3, None, None], "float32", "x")
PHOTO = paddle.static.InputSpec([None, 3, 32, 32], "float32", "inputs")
TOKENS = [paddle.static.InputSpec([None, 16], "int64", name) for name in ("input_ids", "token_type_ids")]


class BoxesAndScores(PaddleDetector):
    """Without its suppression."""

    def forward(self, image: Any, scale_factor: Any) -> tuple[Any, Any]:
        return self.boxes_and_scores(image, scale_factor)


class Picks(Segmenter):
    """A segmentation network that picks the class itself."""

    def forward(self, x: Any) -> Any:
        return super().forward(x).argmax(axis=1)


class Encoder(nn.Layer):
    """Scores of three classes for a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds, self.head = nn.Embedding(50, 8), nn.Embedding(2, 8), nn.Linear(8, 3)

    def forward(self, input_ids: Any, token_type_ids: Any) -> Any:
        return self.head((self.words(input_ids) + self.kinds(token_type_ids)).mean(axis=1))


NETWORKS = {
    "photos": (lambda: nn.Sequential(network(8), nn.Softmax()), [PHOTO]),
    "boxes_with_nms": (PaddleDetector, [IMAGE, SCALE]),
    "boxes_without_nms": (BoxesAndScores, [IMAGE, SCALE]),
    "yolo": (Detector, [paddle.static.InputSpec([1, 3, 640, 640], "float32", "images")]),
    "maps": (Segmenter, [ANY_IMAGE]),
    "picked": (Picks, [ANY_IMAGE]),
    "sentences": (Encoder, TOKENS),
}


def describe_all(channel: Channel, *, folder: str) -> dict[str, Any]:
    """Save every network below `folder`, some as ONNX too; what is read in each, by name."""
    import paddle2onnx

    assert CLASSES == 4
    for name, (build, inputs) in NETWORKS.items():
        net = build()
        net.eval()
        paddle.jit.save(net, f"{folder}/{name}/{name}", input_spec=inputs)
    for name in ("photos", "yolo", "maps", "sentences", "boxes_without_nms"):
        files = (f"{folder}/{name}/{name}.{kind}" for kind in ("pdmodel", "pdiparams"))
        paddle2onnx.export(*files, save_file=f"{folder}/{name}.onnx", opset_version=17, deploy_backend="onnxruntime")
    paths = [*(Path(folder) / name for name in NETWORKS), *Path(folder).glob("*.onnx")]
    found = {}
    for path in paths:
        scratch = Path(folder) / "scratch" / path.name
        scratch.mkdir(parents=True)
        found[path.name] = describe_job(channel, path=str(path), params=None, scratch=str(scratch))
    return found
