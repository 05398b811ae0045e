"""The scenes of handwritten digits as the samples of a task."""

from abc import abstractmethod
from typing import Any

from workbench.tasks.base import Sample
from workbench.tasks.digits_parts import Part, PartSamples
from workbench.tasks.digits_scenes import Scene, part_scene
from workbench.tasks.preparation import Preparation

SCENE_PREPARATION = Preparation(scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


class SceneSamples(PartSamples):
    """A sample is a scene; a subclass says what is to be found in it. Evaluation has scenes of held-out scans."""

    @abstractmethod
    def truth(self, scene: Scene) -> Any:
        """What is to be found in a scene."""

    def part(self, part: Part, amount: int) -> list[Sample]:
        """The first scenes of a part."""
        return [self._sample(f"{part.name.lower()}_{index:04d}", part_scene(part, index)) for index in range(amount)]

    def _sample(self, key: str, scene: Scene) -> Sample:
        return Sample.from_array(key, scene.image, truth=self.truth(scene), decode=lambda image: image)
