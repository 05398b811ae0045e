"""The shipped segmentation task: which pixels are the ink of which handwritten digit."""

from collections.abc import Sequence

from pydantic import Field

from workbench.tasks.base import Sample
from workbench.tasks.digits_scenes import Part, Scene, SceneCounts, scene_sample, scenes
from workbench.tasks.preparation import Preparation
from workbench.tasks.segmentation import SegmentationOptions, SegmentationTask


class DigitsSegmentationOptions(SceneCounts, SegmentationOptions):
    """How many scenes to use; the rest is what the shipped network takes, and may be changed for another one."""

    preparation: Preparation = Field(
        SCENE_PREPARATION, description="how an image becomes the network's input; default: pixels in -1..1"
    )
    input: str = Field("image", description="name of the model's input")


class DigitsSegmentation(SegmentationTask):
    """Eleven classes: the ground, and the ink of each digit."""

    Options = DigitsSegmentationOptions
