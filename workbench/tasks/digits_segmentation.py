"""The shipped segmentation task: which pixels are the ink of which handwritten digit."""

from functools import cached_property

from pydantic import Field

from workbench.tasks.digits_parts import SampleCounts
from workbench.tasks.digits_scene_samples import SCENE_PREPARATION, SceneSamples
from workbench.tasks.digits_scenes import Scene
from workbench.tasks.segmentation import SegmentationOptions, SegmentationTask
from workbench.tasks.segmentation.class_maps import ClassMap


class DigitsSegmentationOptions(SampleCounts, SegmentationOptions):
    """How many scenes to use; the rest is what the shipped network takes, and may be changed for another one."""

    input: str = Field("image", description="name of the model's input")


class DigitsSegmentation(SceneSamples, SegmentationTask):
    """Eleven classes: the ground, and the ink of each digit."""

    Options = DigitsSegmentationOptions
    usual = SCENE_PREPARATION

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The ground, and the digits."""
        return ("ground", *(str(digit) for digit in range(10)))

    def truth(self, scene: Scene) -> ClassMap:
        """The class map, uint8 [128, 128]."""
        return scene.class_map
