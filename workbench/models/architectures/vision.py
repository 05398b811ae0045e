"""Classifiers of `paddle.vision`, with the softmax that published inference models end in."""

from typing import Any

from paddle import nn
from paddle.vision import models

Shape = tuple[int, ...]


def mobilenet_v1(images: Shape) -> Any:
    """MobileNetV1 x1.0 of 1000 classes (Howard et al., 2017)."""
    return _with_softmax(models.mobilenet_v1())


def mobilenet_v2(images: Shape) -> Any:
    """MobileNetV2 x1.0 of 1000 classes (Sandler et al., 2018)."""
    return _with_softmax(models.mobilenet_v2())


def resnet50(images: Shape) -> Any:
    """ResNet-50 of 1000 classes (He et al., 2016)."""
    return _with_softmax(models.resnet50())


def resnet101(images: Shape) -> Any:
    """ResNet-101 of 1000 classes (He et al., 2016)."""
    return _with_softmax(models.resnet101())


def vgg16(images: Shape) -> Any:
    """VGG-16 without batch normalization, of 1000 classes (Simonyan and Zisserman, 2015)."""
    return _with_softmax(models.vgg16())


def vgg19(images: Shape) -> Any:
    """VGG-19 without batch normalization, of 1000 classes (Simonyan and Zisserman, 2015)."""
    return _with_softmax(models.vgg19())


def _with_softmax(network: Any) -> Any:
    return nn.Sequential(network, nn.Softmax())
