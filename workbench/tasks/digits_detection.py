"""The shipped detection task: where in a scene which handwritten digits are."""

from typing import Any

import numpy as np
from pydantic import Field

from workbench.tasks.detection import Decoder, DetectionOptions, DetectionTask
from workbench.tasks.digits_parts import SampleCounts
from workbench.tasks.digits_scene_samples import SCENE_PREPARATION, SceneSamples
from workbench.tasks.digits_scenes import SCENE_SIZE, Scene
from workbench.tasks.preparation import Preparation


class DigitsDetectionOptions(SampleCounts, DetectionOptions):
    """How many scenes to use; the rest is what the shipped network takes and gives, and may be changed for another one."""

    decoder: Decoder = Field(Decoder.PPYOLOE, description="what the outputs hold")
    inputs: tuple[str, ...] = Field(("image",), min_length=1, description="names of the model's inputs")
    preparation: Preparation = Field(SCENE_PREPARATION, description="how an image becomes an input")


class DigitsDetection(SceneSamples, DetectionTask):
    """Ten classes of boxes, each tight around the ink of its digit."""

    Options = DigitsDetectionOptions

    def truth(self, scene: Scene) -> dict[str, Any]:
        """Boxes and size in pixels, as `DetectionTask` has them."""
        boxes = np.column_stack([scene.digits, scene.boxes])
        return {"width": SCENE_SIZE, "height": SCENE_SIZE, "boxes": boxes.tolist()}
