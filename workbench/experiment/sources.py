"""Where a recipe's model and task come from."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from workbench.experiment.strict import Strict


class ModelSource(Strict):
    """The FP32 model: a shipped sample, a published model, a published network without its weights, or a user's own files."""

    sample: str | None = Field(None, description="name of a shipped sample model")
    zoo: str | None = Field(
        None, description="name of a published model (`workbench models list`), fetched when it is not there"
    )
    archive: str | None = Field(None, description="file name of the zoo model's archive; default: its first FP32 one")
    architecture: str | None = Field(
        None, description="name of a published network, built with random weights: its latency counts, nothing else"
    )
    path: Path | None = Field(
        None, description="ONNX file, Paddle inference folder, .pdmodel or stem; relative to the recipe"
    )
    params: Path | None = Field(None, description=".pdiparams file, where its stem differs from the .pdmodel file's")
    name: str | None = Field(None, description="name in the tables; default: the sample's or the file's")
    input_shapes: dict[str, list[int]] = Field(
        default_factory=dict,
        description="shape of inputs that the model leaves dynamic, or of an architecture's; batch axis included",
    )
    clean: bool = Field(True, description="rewrite what importers leave behind, exactly")
    strip_nms: bool | None = Field(
        None,
        description="cut suppression off a Paddle detector's end; the task then does it, with the settings that the network "
        "had. Default: where a backend of the recipe cannot run it, or the recipe quantizes",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.sample, self.zoo, self.architecture, self.path)) != 1:
            raise ValueError("give one of `sample`, `zoo`, `architecture` and `path`")
        if self.archive is not None and self.zoo is None:
            raise ValueError("`archive` is one of a `zoo` model's")
        return self

    @property
    def label(self) -> str:
        """The name that tables show."""
        return self.name or self.sample or self.zoo or self.architecture or Path(str(self.path)).stem

    @property
    def weights(self) -> str:
        """What a row says of the weights: `random` ones have no accuracy."""
        return "random" if self.architecture else "trained"


class TaskSource(Strict):
    """The task: one of the package's by name, or a user's python file with one `Task` subclass in it."""

    name: str | None = Field(None, description="name of a task of the package")
    file: Path | None = Field(None, description="python file with a Task subclass; relative to the recipe")
    options: dict[str, Any] = Field(default_factory=dict, description="the task's own options")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.name is None) == (self.file is None):
            raise ValueError("give either `name` or `file`")
        return self

    @property
    def label(self) -> str:
        """The name that tables show."""
        return self.name or Path(str(self.file)).stem
