"""Networks of PaddleSeg."""

from typing import Any

from paddle import nn
from paddleseg.models import PPLiteSeg
from paddleseg.models.backbones.stdcnet import STDC1

CLASSES = 19


class FirstOutput(nn.Layer):
    """A network that gives a list of one, without the list."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        """Whatever the network gives first."""
        return self.network(x)[0]


def pp_liteseg_t(images: tuple[int, ...]) -> Any:
    """PP-LiteSeg-T: STDC1 and narrow heads (Peng et al., 2022), to logits [n, 19, h, w], no argmax.

    The channels are those of PaddleSeg's configs/pp_liteseg/pp_liteseg_stdc1_cityscapes_*.yml.
    """
    return FirstOutput(
        PPLiteSeg(
            num_classes=CLASSES,
            backbone=STDC1(),
            arm_out_chs=[32, 64, 128],
            seg_head_inter_chs=[32, 64, 64],
        )
    )
