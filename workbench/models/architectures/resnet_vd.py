"""ResNet-50-vd: the ResNet of "Bag of Tricks for Image Classification" (He et al., 2019), as PaddleClas publishes it."""

from typing import Any

from paddle import nn

from workbench.models.architectures.layers import Conv

DEPTHS = (3, 4, 6, 3)
EXPANSION = 4


class Bottleneck(nn.Layer):
    """1x1, 3x3 with the stride, 1x1; the shortcut averages before its 1x1 convolution, so that no value is skipped."""

    def __init__(self, inputs: int, width: int, *, stride: int, first: bool) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.body = nn.Sequential(
            Conv(inputs, width, act=nn.ReLU),
            Conv(width, width, 3, stride, act=nn.ReLU),
            Conv(width, outputs, act=None),
        )
        pool = [nn.AvgPool2D(2, 2, ceil_mode=True)] if stride > 1 else []
        self.shortcut = nn.Sequential(*pool, Conv(inputs, outputs, act=None)) if first else nn.Identity()
        self.act = nn.ReLU()

    def forward(self, x: Any) -> Any:
        """[n, inputs, h, w] to [n, 4 * width, h / stride, w / stride]."""
        return self.act(self.body(x) + self.shortcut(x))


def resnet50_vd(images: tuple[int, ...]) -> Any:
    """25.6 M parameters, 1000 classes, softmax included."""
    layers: list[Any] = [
        Conv(3, 32, 3, 2, act=nn.ReLU),
        Conv(32, 32, 3, act=nn.ReLU),
        Conv(32, 64, 3, act=nn.ReLU),
        nn.MaxPool2D(3, 2, 1),
    ]
    inputs = 64
    for stage, depth in enumerate(DEPTHS):
        width = 64 * 2**stage
        for index in range(depth):
            stride = 2 if index == 0 and stage > 0 else 1
            layers.append(Bottleneck(inputs, width, stride=stride, first=index == 0))
            inputs = width * EXPANSION
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(inputs, 1000), nn.Softmax())
