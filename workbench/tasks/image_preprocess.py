"""How FastDeploy's one-click compression turns an RGB image into model inputs.

Each function takes uint8 [height, width, 3] and gives float32 [3, height, width] in the range named, or another image. Sizes, constants and
interpolation are those of FastDeploy's fd_auto_compress/dataset.py (develop, 2024-03).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]  # as cv2's own types have it
Planes = NDArray[Any]
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
SHORT_SIDE = 256 / 224  # of the crop's side: what is left around the crop
GREY = 114
CROP = (512, 1024)  # height, width
CROP_FILL = 127  # the border has 127.5, which an 8-bit image cannot hold
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
JITTER = 0.5  # brightness, contrast and saturation times 0.5 to 1.5, each in half of the images
HUE_STEPS = 18  # of 256


def classification(image: Image, side: int) -> Planes:
    """Short side to 256/224 of `side`, centre crop, ImageNet's mean and deviation."""
    import cv2

    height, width = image.shape[:2]
    scale = round(side * SHORT_SIDE) / min(height, width)
    scaled = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
    top, left = ((length - side) // 2 for length in scaled.shape[:2])
    return imagenet(unit_range(scaled[top : top + side, left : left + side]))


def padded(image: Image, side: int) -> Planes:
    """Scaled to fit, top left on grey 114, in 0..1: FastDeploy calibrates YOLO so, though it deploys centred."""
    import cv2

    scale = side / max(image.shape[:2])
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)[:side, :side]
    canvas = np.full((side, side, 3), GREY, np.uint8)
    canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
    return unit_range(canvas)


def stretched(image: Image, side: int) -> tuple[Planes, Planes]:
    """Stretched to a square by cubic interpolation, in 0..1; and the scale factors of height and width, float32 [2]."""
    import cv2

    factors = np.array([side / image.shape[0], side / image.shape[1]], np.float32)
    return unit_range(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)), factors


def whole(image: Image) -> Planes:
    """Not resized, in -1..1."""
    return unit_range(image) * np.float32(2) - np.float32(1)


def augmented(image: Image, random: np.random.Generator) -> Image:
    """Scaled at random, a random crop of 512 x 1024 (height, width), mirrored and coloured at random: uint8 [512, 1024, 3]."""
    import cv2

    scale = random.choice(SCALES)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    large = _filled(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))
    top, left = (int(random.integers(have - want + 1)) for want, have in zip(CROP, large.shape[:2], strict=True))
    crop = large[top : top + CROP[0], left : left + CROP[1]]
    return _recoloured(crop[:, ::-1] if random.random() < 0.5 else crop, random)


def cropped(image: Image) -> Image:
    """The middle 512 x 1024 (height, width), filled up with grey where it is smaller: uint8 [512, 1024, 3]."""
    large = _filled(image)
    top, left = ((have - want) // 2 for want, have in zip(CROP, large.shape[:2], strict=True))
    return large[top : top + CROP[0], left : left + CROP[1]]


def unit_range(image: Image) -> Planes:
    """Channels first, in 0..1, contiguous."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / np.float32(255)


def imagenet(planes: Planes) -> Planes:
    """Minus ImageNet's mean, over its deviation."""
    normalised: Planes = (planes - IMAGENET_MEAN) / IMAGENET_STD
    return normalised


def _filled(image: Image) -> Image:
    import cv2

    below, right = (max(0, want - have) for want, have in zip(CROP, image.shape[:2], strict=True))
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(CROP_FILL,) * 3)


def _recoloured(image: Image, random: np.random.Generator) -> Image:
    import cv2

    def blend(image: Image, other: Any) -> Image:
        factor = random.uniform(1 - JITTER, 1 + JITTER)
        mixed = other + factor * (image.astype(np.float32) - other)
        blended: Image = np.rint(mixed.clip(0, 255)).astype(np.uint8)
        return blended

    def grey(image: Image) -> Any:
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)[:, :, np.newaxis]

    def shift_hue(image: Image) -> Image:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
        hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + random.integers(-HUE_STEPS, HUE_STEPS + 1)) % 256
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), np.uint8)

    steps = [
        lambda image: blend(image, 0.0),
        lambda image: blend(image, float(grey(image).mean())),
        lambda image: blend(image, grey(image)),
        shift_hue,
    ]
    for index in random.permutation(len(steps)):
        if random.random() < 0.5:
            image = steps[index](np.ascontiguousarray(image))
    return image
