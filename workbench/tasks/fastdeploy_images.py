"""What FastDeploy's one-click compression does to an RGB image before it becomes an input, where `Preparation` has no such step.

Each function takes and gives uint8 [height, width, 3]. Sizes, constants and interpolation are those of FastDeploy's
fd_auto_compress/dataset.py (develop, 2024-03).
"""

from typing import Any

import numpy as np

from workbench.tasks.preparation import Image

CROP = (512, 1024)  # height, width
CROP_FILL = 127  # the border has 127.5, which an 8-bit image cannot hold
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
JITTER = 0.5  # brightness, contrast and saturation times 0.5 to 1.5, each in half of the images
HUE_STEPS = 18  # of 256


def fitted(image: Image, side: int) -> Image:
    """As large as fits into a square of `side` pixels: uint8 [h, w, 3]; pixels are mapped by the exact factor, not by the rounded sizes."""
    import cv2

    scale = side / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)[:side, :side]


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
