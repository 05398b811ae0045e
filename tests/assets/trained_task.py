"""The tiny task with samples to train on, for commands that take a task without options."""

from pydantic import Field
from tiny_task import Textures, TinyOptions


class TrainedOptions(TinyOptions):
    training_images: int = Field(16, ge=0)
    search_images: int = Field(8, ge=0)


class TrainedTextures(Textures):
    Options = TrainedOptions
