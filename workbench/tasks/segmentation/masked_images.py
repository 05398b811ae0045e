"""A user's images with masks: Cityscapes as it is downloaded, or pairs from folders or a list."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from workbench.errors import InputError
from workbench.tasks.base import Sample
from workbench.tasks.image_folder import read_image
from workbench.tasks.parts import PartsOptions, PartsTask
from workbench.tasks.segmentation.class_maps import IGNORED
from workbench.tasks.segmentation.masks import (
    CITYSCAPES_CLASSES,
    CITYSCAPES_IDS,
    LABEL_IDS,
    Pair,
    cityscapes_pairs,
    folder_pairs,
    listed_pairs,
    read_mask,
)
from workbench.tasks.segmentation.task import SegmentationOptions, SegmentationTask

PixelValue = Annotated[int, Field(ge=0, le=IGNORED)]


class Layout(StrEnum):
    """How images and masks lie on disk."""

    PAIRS = "pairs"
    CITYSCAPES = "cityscapes"


class MaskedImagesOptions(SegmentationOptions, PartsOptions):
    """Where the images and their masks are."""

    layout: Layout = Field(
        Layout.PAIRS,
        description="cityscapes: `images` is the folder with leftImg8bit and gtFine, val and perhaps train in it",
    )
    images: Path = Field(description="folder of the images; relative to the recipe")
    masks: Path | None = Field(None, description="folder of the masks, laid out as `images` is")
    image_list: Path | None = Field(
        None, description="file with `image mask` lines, relative to `images`, in place of `masks`"
    )
    training_images: Path | None = Field(
        None,
        description="folder of images to calibrate, search and train on; default: some of `images`, not evaluated on",
    )
    training_masks: Path | None = Field(None, description="folder of their masks")
    training_list: Path | None = Field(None, description="list of theirs")
    image_ending: str = Field("", description="end of an image's name, before the dot, that its mask's has not")
    mask_ending: str = Field(".png", description="what a mask's name has in its place, file ending included")
    mask_values: dict[PixelValue, PixelValue] = Field(
        default_factory=dict,
        description="class by pixel value of a mask, others ignored; default: the values are the classes",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        pairs = [(self.masks, self.image_list)]
        if self.training_images is not None or self.training_list is not None:
            pairs.append((self.training_masks, self.training_list))
        if self.layout is Layout.PAIRS and any((masks is None) == (names is None) for masks, names in pairs):
            raise ValueError("give either a folder of masks or a list for the images")
        if self.layout is Layout.CITYSCAPES and any((*pairs[0], self.training_images, self.training_list)):
            raise ValueError("layout cityscapes takes `images` alone")
        return self


class MaskedImages(PartsTask, SegmentationTask):
    """Segmentation of a user's images."""

    Options: ClassVar[type[MaskedImagesOptions]] = MaskedImagesOptions

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Those that are given, or Cityscapes' own."""
        given = self.label_names or self.options.classes
        return CITYSCAPES_CLASSES if self._is_cityscapes and not given else super().class_names

    def files(self) -> Sequence[Path]:
        """Those of every image task, and the masks."""
        pairs = [*self._evaluation_pairs, *(self._training_pairs or ())]
        return [*super().files(), *dict.fromkeys(mask for _, mask in pairs)]

    def evaluation_data(self) -> Sequence[Sample]:
        """The images, or Cityscapes' split val."""
        return [self._sample(*pair) for pair in self._evaluation_pairs]

    def training_data(self) -> Sequence[Sample] | None:
        """The training images, or Cityscapes' split train where it is there."""
        return None if self._training_pairs is None else [self._sample(*pair) for pair in self._training_pairs]

    @property
    def _is_cityscapes(self) -> bool:
        return bool(self.options.layout is Layout.CITYSCAPES)

    @cached_property
    def _evaluation_pairs(self) -> list[Pair]:
        options = self.options
        if not self._is_cityscapes:
            return self._pairs(options.images, options.masks, options.image_list)
        root = self.folder / options.images
        if found := cityscapes_pairs(root, "val"):
            return found
        raise InputError(f"images {root}: no leftImg8bit/val in it; give the folder of Cityscapes, or `layout: pairs`")

    @cached_property
    def _training_pairs(self) -> list[Pair] | None:
        options = self.options
        if self._is_cityscapes:
            return cityscapes_pairs(self.folder / options.images, "train") or None
        if options.training_images is None and options.training_list is None:
            return None
        return self._pairs(options.training_images or options.images, options.training_masks, options.training_list)

    def _pairs(self, images: Path, masks: Path | None, names: Path | None) -> list[Pair]:
        if masks is None:
            return listed_pairs(self.folder / str(names), self.folder / images)
        endings = {"image_ending": self.options.image_ending, "mask_ending": self.options.mask_ending}
        return folder_pairs(self.folder / images, self.folder / masks, **endings)

    def _sample(self, image: Path, mask: Path) -> Sample:
        values: Mapping[int, int] = self.options.mask_values
        if self._is_cityscapes and not values and mask.name.endswith(LABEL_IDS):
            values = CITYSCAPES_IDS
        return Sample.from_file(image, truth=partial(read_mask, mask, values), decode=read_image)
