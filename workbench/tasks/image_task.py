"""What tasks on images have in common: how an image becomes the input, and the names of the classes."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from workbench.tasks.base import Task, TaskOptions
from workbench.tasks.deploy_files import DeployFile, Family, read_deploy_file
from workbench.tasks.labels import read_labels
from workbench.tasks.preparation import Preparation


class ImageOptions(TaskOptions):
    """How an image becomes an input."""

    deploy_file: Path | None = Field(
        None,
        description="inference_cls.yaml, infer_cfg.yml or deploy.yaml that was exported with the model, relative to the recipe; "
        "default: the one beside the model",
    )
    preparation: Preparation | None = Field(
        None, description="how an image becomes an input; default: what the deploy file says, or what is usual"
    )
    labels: Path | None = Field(
        None, description="file with a class name a line, relative to the recipe; default: the deploy file's names"
    )


class ImageTask(Task):
    """A task whose decoded samples are RGB images, uint8 [h, w, 3]."""

    Options: ClassVar[type[ImageOptions]] = ImageOptions
    family: ClassVar[Family]
    usual: ClassVar[Preparation]
    """How models of the family take their images where nothing is said."""

    @cached_property
    def deployed(self) -> DeployFile | None:
        """What the model's deploy file says, where it has one. Raises InputError for one that cannot be used."""
        file: Path | None = self.options.deploy_file
        return read_deploy_file(self.folder / file, family=self.family) if file else None

    @cached_property
    def preparation(self) -> Preparation:
        """How an image becomes the input: by the recipe, else by the deploy file, else as usual."""
        given: Preparation | None = self.options.preparation
        return given or (self.deployed.preparation if self.deployed else self.usual)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The names of the classes, from the file that the recipe names or from the deploy file; empty where neither has them."""
        if self.options.labels is not None:
            return read_labels(self.folder / self.options.labels)
        return self.deployed.labels if self.deployed else ()

    def name_of(self, label: int) -> str:
        """A class's name, or its number where it has none."""
        return self.label_names[label] if label < len(self.label_names) else str(label)

    def files(self) -> Sequence[Path]:
        """The deploy file and the labels."""
        given = (self.options.deploy_file, self.options.labels)
        return [self.folder / file for file in given if file is not None]
