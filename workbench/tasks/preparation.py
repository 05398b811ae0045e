"""How a decoded image becomes a network's input, and how boxes find their way back into the image.

Every field of `Preparation` can stand in a recipe, and deploy files of the field (infer_cfg.yml, deploy.yaml, ...) say the same things.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Image = NDArray[Any]
"""uint8 [height, width, 3], RGB."""
Planes = NDArray[np.float32]
"""float32 [3, height, width]."""
LEVELS = 256  # of a pixel's channel


class Resize(StrEnum):
    """How an image gets the input's size."""

    NONE = "none"
    """Not at all."""
    STRETCH = "stretch"
    """To `size`, whatever becomes of its proportions."""
    LETTERBOX = "letterbox"
    """As large as fits into `size`, in its middle, the rest padded."""
    TOP_LEFT = "top_left"
    """As large as fits into `size`, in its top left corner, the rest padded."""
    SHORT_SIDE = "short_side"
    """Short side to `short_side`, then the middle `size` of it."""
    FIT = "fit"
    """Short side to the smaller number of `size`, or long side to the larger one where that is less; nothing padded."""


class Interpolation(StrEnum):
    """How pixels between pixels are found. `area` averages where the image shrinks and is linear where it grows."""

    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"
    AREA = "area"
    LANCZOS = "lanczos"


class Channels(StrEnum):
    """The order of the three channels in the input."""

    RGB = "rgb"
    BGR = "bgr"


@dataclass(frozen=True)
class Geometry:
    """Where an image lies in a network's input. Pairs are (vertical, horizontal)."""

    original: tuple[int, int]
    """Height and width of the image, in its own pixels."""
    size: tuple[int, int]
    """Height and width of the input."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Input pixels per image pixel."""
    offset: tuple[int, int] = (0, 0)
    """Top left corner of the image in input pixels; negative where it was cropped."""

    def boxes_to_image(self, boxes: NDArray[Any]) -> NDArray[Any]:
        """Boxes [n, 4] (x1, y1, x2, y2) in input pixels as boxes in image pixels, clipped to the image."""
        (top, left), (down, right), (height, width) = self.offset, self.scale, self.original
        moved = (boxes - np.array([left, top] * 2, boxes.dtype)) / np.array([right, down] * 2, boxes.dtype)
        clipped: NDArray[Any] = np.clip(moved, 0, np.array([width, height] * 2, boxes.dtype))
        return clipped


class Preparation(BaseModel):
    """An image's way into the network: resized, scaled to `pixel * scale`, minus `mean`, over `std`, channels first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int] | None = Field(None, description="height and width of the input; null: the image's own")
    resize: Resize = Field(Resize.NONE, description="how an image gets that size")
    short_side: int | None = Field(None, ge=1, description="pixels of the short side before the crop")
    interpolation: Interpolation = Field(Interpolation.LINEAR, description="how pixels are resampled")
    multiple: int = Field(
        1,
        ge=1,
        description="sides are filled up, below and right, to multiples of it, with zeros after mean and deviation",
    )
    pad: int = Field(114, ge=0, lt=LEVELS, description="grey level of what the image does not cover")
    channels: Channels = Field(Channels.RGB, description="order of the channels")
    scale: float = Field(1 / 255, gt=0, description="factor of the pixels, before mean and deviation")
    mean: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="by channel of the input")
    std: tuple[float, float, float] = Field((1.0, 1.0, 1.0), description="by channel of the input")

    @field_validator("size", mode="before")
    @classmethod
    def _one_side_or_two(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size is not None and min(self.size) < 1:
            raise ValueError("`size` must be one pixel at least")
        if (self.size is None) != (self.resize is Resize.NONE):
            raise ValueError(f"resize {self.resize} {'needs' if self.size is None else 'takes no'} `size`")
        if (self.short_side is None) == (self.resize is Resize.SHORT_SIDE):
            raise ValueError(f"resize {self.resize} {'needs' if self.short_side is None else 'takes no'} `short_side`")
        if self.size is not None and self.short_side is not None and self.short_side < max(self.size):
            raise ValueError(f"`short_side` {self.short_side} is less than a side of `size` {list(self.size)}")
        if min(self.std) <= 0:
            raise ValueError("`std` must be above 0")
        return self

    def __call__(self, image: Image) -> tuple[Planes, Geometry]:
        """Turn an RGB image, uint8 [h, w, 3], into float32 [3, height, width], contiguous, and say where it lies there."""
        geometry = self.geometry((image.shape[0], image.shape[1]))
        return self._normalised(self._placed(image, geometry), geometry.size), geometry

    def geometry(self, original: tuple[int, int]) -> Geometry:
        """Where an image of a height and width will lie in the input."""
        scaled = self._scaled_size(original)
        framed = scaled if self.size is None or self.resize is Resize.FIT else self.size
        size = (self._filled_up(framed[0]), self._filled_up(framed[1]))
        scale = (scaled[0] / original[0], scaled[1] / original[1])
        corner = self.resize in (Resize.TOP_LEFT, Resize.FIT)
        # An odd pixel goes below or right, of a border as of what is cropped.
        offset = (0, 0) if corner else (int((framed[0] - scaled[0]) / 2), int((framed[1] - scaled[1]) / 2))
        return Geometry(original, size, scale, offset)

    def _placed(self, image: Image, geometry: Geometry) -> Image:
        """The image resized, padded and cropped, before its sides become multiples."""
        import cv2

        scaled_size = self._scaled_size(geometry.original)
        if scaled_size != geometry.original:
            image = cv2.resize(image, scaled_size[::-1], interpolation=self._flag(geometry.original, scaled_size))
        if self.size is None or self.resize is Resize.FIT:
            return image
        (top, left), (height, width) = geometry.offset, self.size
        if self.resize is Resize.SHORT_SIDE:
            return image[-top : height - top, -left : width - left]
        below, right = height - top - scaled_size[0], width - left - scaled_size[1]
        if not any((top, left, below, right)):
            return image
        return cv2.copyMakeBorder(image, top, below, left, right, cv2.BORDER_CONSTANT, value=(self.pad,) * 3)

    def _scaled_size(self, original: tuple[int, int]) -> tuple[int, int]:
        if self.size is None:
            return original
        if self.resize is Resize.STRETCH:
            return self.size
        if self.short_side is not None:
            factor = self.short_side / min(original)
        elif self.resize is Resize.FIT:
            factor = min(min(self.size) / min(original), max(self.size) / max(original))
        else:
            factor = min(want / have for want, have in zip(self.size, original, strict=True))
        return max(1, round(original[0] * factor)), max(1, round(original[1] * factor))

    def _filled_up(self, side: int) -> int:
        return math.ceil(side / self.multiple) * self.multiple

    def _flag(self, original: tuple[int, int], scaled: tuple[int, int]) -> int:
        import cv2

        if self.interpolation is Interpolation.AREA:
            return cv2.INTER_AREA if math.prod(scaled) < math.prod(original) else cv2.INTER_LINEAR
        return {
            Interpolation.NEAREST: cv2.INTER_NEAREST,
            Interpolation.LINEAR: cv2.INTER_LINEAR,
            Interpolation.CUBIC: cv2.INTER_CUBIC,
            Interpolation.LANCZOS: cv2.INTER_LANCZOS4,
        }[self.interpolation]

    def _normalised(self, image: Image, size: tuple[int, int]) -> Planes:
        """Look every pixel up in a table of its 256 values: no slower than one multiplication, and exact."""
        import cv2

        height, width = image.shape[:2]
        planes = (np.empty if (height, width) == size else np.zeros)((3, *size), np.float32)
        order = (0, 1, 2) if self.channels is Channels.RGB else (2, 1, 0)
        for plane, channel, mean, std in zip(planes, order, self.mean, self.std, strict=True):
            table = ((np.arange(LEVELS) * self.scale - mean) / std).astype(np.float32)
            cv2.LUT(cv2.extractChannel(image, channel), table, dst=plane[:height, :width])
        return planes
