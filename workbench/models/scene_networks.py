"""The small networks of the detection and segmentation samples. Importing this imports Paddle: after `import_paddle()`, in workers only."""

import math
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import nn
from paddle.nn import functional

from workbench.tasks.digits_scenes import SCENE_SIZE

DIGITS = 10
STRIDE = 8  # pixels between the points at which the detector looks for the middle of a digit
POINTS = (SCENE_SIZE // STRIDE) ** 2
WIDTH = 64  # channels of the features that the heads read
RARE = 0.01  # the score of everything before training


def point_centres() -> NDArray[np.float32]:
    """Where the detector's points lie: x, y in pixels, float32 [points, 2], row by row."""
    along = (np.arange(SCENE_SIZE // STRIDE, dtype=np.float32) + 0.5) * STRIDE
    y, x = np.meshgrid(along, along, indexing="ij")
    centres: NDArray[np.float32] = np.stack([x, y], -1).reshape(-1, 2)
    return centres


def conv_norm(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> Any:
    """Convolution, batch normalization, ReLU: what every backend runs as one INT8 kernel."""
    return nn.Sequential(
        nn.Conv2D(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias_attr=False),
        nn.BatchNorm2D(outputs),
        nn.ReLU(),
    )


class Trunk(nn.Layer):
    """Features of a scene at strides 2, 4 and 8; those at stride 8 know what is around them, as in a feature pyramid."""

    def __init__(self) -> None:
        super().__init__()
        self.at2 = conv_norm(3, 16, stride=2)
        self.at4 = nn.Sequential(conv_norm(16, 32, stride=2), conv_norm(32, 32))
        self.at8 = nn.Sequential(conv_norm(32, 64, stride=2), conv_norm(64, 64))
        self.at16 = nn.Sequential(conv_norm(64, 96, stride=2), conv_norm(96, 96))
        self.at32 = nn.Sequential(conv_norm(96, 128, stride=2), conv_norm(128, 128))
        self.sides = nn.LayerList([conv_norm(channels, WIDTH, kernel=1) for channels in (64, 96, 128)])
        self.merge = conv_norm(WIDTH, WIDTH)

    def forward(self, image: Any) -> tuple[Any, Any, Any]:
        """Image float32 [n, 3, 128, 128] to features [n, 16, 64, 64], [n, 32, 32, 32] and [n, 64, 16, 16]."""
        at2 = self.at2(image)
        at4 = self.at4(at2)
        at8 = self.at8(at4)
        at16 = self.at16(at8)
        around = self.sides[1](at16) + functional.upsample(self.sides[2](self.at32(at16)), scale_factor=[2, 2])
        return at2, at4, self.merge(self.sides[0](at8) + functional.upsample(around, scale_factor=[2, 2]))


class Detector(nn.Layer):
    """Anchor-free detector of one level (as FCOS: Tian et al., 2019): at each point a score for each digit and one box."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        rare = nn.initializer.Constant(-math.log((1 - RARE) / RARE))
        self.scores = nn.Sequential(conv_norm(WIDTH, WIDTH), nn.Conv2D(WIDTH, DIGITS, 1, bias_attr=rare))
        self.distances = nn.Sequential(conv_norm(WIDTH, WIDTH), nn.Conv2D(WIDTH, 4, 1))
        self.register_buffer("centres", paddle.to_tensor(point_centres()), persistable=False)

    def forward(self, image: Any) -> tuple[Any, Any]:
        """Image float32 [n, 3, 128, 128] to boxes [n, points, 4], x1, y1, x2, y2 in pixels, and scores [n, 10, points] in 0..1."""
        features = self.trunk(image)[-1]
        # Left, top, right and bottom of the point, in strides.
        sides = functional.relu(self.distances(features)).flatten(2).transpose([0, 2, 1]) * STRIDE
        boxes = paddle.concat([self.centres - sides[:, :, :2], self.centres + sides[:, :, 2:]], axis=-1)
        return boxes, functional.sigmoid(self.scores(features).flatten(2))


class Segmenter(nn.Layer):
    """Encoder and decoder with skips (as U-Net: Ronneberger et al., 2015): a class for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.from8, self.side4 = conv_norm(WIDTH, 32, kernel=1), conv_norm(32, 32, kernel=1)
        self.from4, self.side2 = conv_norm(32, 16, kernel=1), conv_norm(16, 16, kernel=1)
        self.merge4, self.merge2 = conv_norm(32, 32), conv_norm(16, 16)
        self.classes = nn.Conv2D(16, 2, 1)

    def half(self, image: Any) -> Any:
        """Image float32 [n, 3, 128, 128] to logits at every second pixel, [n, 2, 64, 64]."""
        at2, at4, at8 = self.trunk(image)
        at4 = self.merge4(self.side4(at4) + functional.upsample(self.from8(at8), scale_factor=[2, 2]))
        at2 = self.merge2(self.side2(at2) + functional.upsample(self.from4(at4), scale_factor=[2, 2]))
        return self.classes(at2)

    def forward(self, image: Any) -> Any:
        """Image float32 [n, 3, 128, 128] to logits [n, 2, 128, 128]: ground and ink."""
        return functional.upsample(self.half(image), scale_factor=[2, 2], mode="bilinear")
