"""Detectors of PaddleDetection's layers, each up to its head; what follows (boxes, NMS) is done outside.

Settings are those of its configs/{ppyoloe,ssd,yolov3,ppyolo}; no configuration file is needed.
"""

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn
from ppdet.modeling.backbones.cspresnet import CSPResNet
from ppdet.modeling.backbones.darknet import DarkNet
from ppdet.modeling.backbones.mobilenet_v1 import MobileNet
from ppdet.modeling.backbones.mobilenet_v3 import MobileNetV3
from ppdet.modeling.backbones.resnet import ResNet
from ppdet.modeling.heads.ppyoloe_head import PPYOLOEHead
from ppdet.modeling.heads.ssd_head import SSDHead
from ppdet.modeling.heads.yolo_head import YOLOv3Head
from ppdet.modeling.necks.custom_pan import CustomCSPPAN
from ppdet.modeling.necks.yolo_fpn import PPYOLOFPN, PPYOLOPAN, YOLOv3FPN

Shape = tuple[int, ...]
VOC_CLASSES = 20
SSD_PRIORS = {
    "steps": [0] * 6,
    "aspect_ratios": [[2.0], *([[2.0, 3.0]] * 5)],
    "min_ratio": 20,
    "max_ratio": 90,
    "base_size": 300,
    "min_sizes": [60.0, 105.0, 150.0, 195.0, 240.0, 285.0],
    "max_sizes": [[], 150.0, 195.0, 240.0, 285.0, 300.0],
    "offset": 0.5,
    "flip": True,
    "min_max_aspect_ratios_order": False,
}


class AnchorDetector(nn.Layer):
    """Backbone, neck and the convolutions of a YOLOv3 head; gives the head's raw maps, coarsest first."""

    def __init__(self, backbone: Any, neck: Any, head: Any) -> None:
        super().__init__()
        self.backbone, self.neck, self.head = backbone, neck, head

    def forward(self, x: Any) -> tuple[Any, ...]:
        """[n, 3, h, w] to one [n, anchors * (classes + 5 or 6), h / stride, w / stride] a map."""
        maps = self.neck(self.backbone({"image": x}))
        return tuple(predict(maps[index]) for index, predict in enumerate(self.head.yolo_outputs))


class PPYOLOE(nn.Layer):
    """52.2 M parameters; [n, 3, h, w] to scores [n, 80, 8400 at 640 px] and distances to the box's sides [n, 8400, 4]."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = CSPResNet(return_idx=[1, 2, 3], use_large_stem=True)
        self.neck = CustomCSPPAN(
            in_channels=self.backbone._out_channels[1:], out_channels=[768, 384, 192], act="swish", spp=True
        )
        self.head = PPYOLOEHead(
            in_channels=[768, 384, 192], static_assigner=None, assigner=None, nms=None, eval_size=list(size)
        )

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Scores and distances, in strides."""
        scores, distances, _, _ = self.head(self.neck(self.backbone({"image": x})))
        return scores, distances


class SSD(nn.Layer):
    """Backbone and head; gives box offsets [n, priors, 4] and class logits [n, priors, classes + 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileNet(
            scale=1,
            feature_maps=[11, 13, 14, 15, 16, 17],
            with_extra_blocks=True,
            extra_block_filters=[[256, 512], [128, 256], [128, 256], [64, 128]],
        )
        self.head = SSDHead(
            num_classes=VOC_CLASSES,
            in_channels=[512, 1024, 512, 256, 256, 128],
            kernel_size=1,
            padding=0,
            anchor_generator=SSD_PRIORS,
            loss=None,
        )

    def forward(self, x: Any) -> tuple[Any, Any]:
        """Offsets and logits of all priors."""
        maps = self.backbone({"image": x})
        boxes = [self._rows(predict(maps[index]), 4) for index, predict in enumerate(self.head.box_convs)]
        width = self.head.num_classes
        scores = [self._rows(predict(maps[index]), width) for index, predict in enumerate(self.head.score_convs)]
        return paddle.concat(boxes, axis=1), paddle.concat(scores, axis=1)

    def _rows(self, raw: Any, width: int) -> Any:
        return raw.transpose([0, 2, 3, 1]).reshape([0, -1, width])


def ppyoloe_l(images: Shape) -> Any:
    """PP-YOLOE-l (Xu et al., 2022, arXiv 2203.16250)."""
    return PPYOLOE((images[2], images[3]))


def ssd_mobilenet_v1(images: Shape) -> Any:
    """SSD on MobileNetV1 for Pascal VOC's 20 classes."""
    return SSD()


def yolov3_mobilenet_v1(images: Shape) -> Any:
    """YOLOv3 on MobileNetV1."""
    backbone = MobileNet(scale=1, feature_maps=[4, 6, 13], with_extra_blocks=False, extra_block_filters=[])
    return _yolov3(backbone, [256, 512, 1024])


def yolov3_mobilenet_v3(images: Shape) -> Any:
    """YOLOv3 on MobileNetV3-large."""
    backbone = MobileNetV3(model_name="large", feature_maps=[7, 13, 16], extra_block_filters=[])
    return _yolov3(backbone, backbone._out_channels)


def yolov3_darknet53(images: Shape) -> Any:
    """YOLOv3 on Darknet-53 (Redmon and Farhadi, 2018)."""
    return _yolov3(DarkNet(), [256, 512, 1024])


def ppyolo_mobilenet_v3(images: Shape) -> Any:
    """PP-YOLO on MobileNetV3-large, with two maps."""
    backbone = MobileNetV3(model_name="large", feature_maps=[13, 16], extra_block_filters=[])
    neck = PPYOLOFPN(in_channels=backbone._out_channels, coord_conv=True, conv_block_num=0, spp=True)
    return AnchorDetector(backbone, neck, _head(neck, masks=[[3, 4, 5], [0, 1, 2]]))


def ppyolo_r50vd(images: Shape) -> Any:
    """PP-YOLO on ResNet50-vd with deformable convolutions (Long et al., 2020, arXiv 2007.12099)."""
    neck = PPYOLOFPN(coord_conv=True, spp=True)
    return AnchorDetector(_resnet50_vd(), neck, _head(neck, iou_aware=True))


def ppyolov2_r50vd(images: Shape) -> Any:
    """PP-YOLOv2 on ResNet50-vd with deformable convolutions (Huang et al., 2021, arXiv 2104.10419)."""
    neck = PPYOLOPAN(spp=True)
    return AnchorDetector(_resnet50_vd(), neck, _head(neck, iou_aware=True))


def _yolov3(backbone: Any, channels: Sequence[int]) -> Any:
    neck = YOLOv3FPN(in_channels=list(channels))
    return AnchorDetector(backbone, neck, _head(neck))


def _resnet50_vd() -> Any:
    return ResNet(depth=50, variant="d", return_idx=[1, 2, 3], dcn_v2_stages=[3], freeze_at=-1, freeze_norm=False)


def _head(neck: Any, *, masks: list[list[int]] | None = None, iou_aware: bool = False) -> Any:
    """Three anchors a map; of them only the number matters before boxes are decoded."""
    more = {} if masks is None else {"anchor_masks": masks}
    return YOLOv3Head(in_channels=neck._out_channels, iou_aware=iou_aware, loss=None, **more)
