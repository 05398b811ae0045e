"""The shipped segmentation task: which pixels of a scene are the ink of handwritten digits."""

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
    """Two classes, ground and ink: what a tiny network learns well in minutes."""

    Options = DigitsSegmentationOptions
    usual = SCENE_PREPARATION

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """Ground and ink."""
        return ("ground", "ink")

    def truth(self, scene: Scene) -> ClassMap:
        """The class map, uint8 [128, 128]: 0 is ground, 1 ink."""
        return scene.ink
