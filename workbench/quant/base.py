"""The contract of a quantization method: options that load no runtime, and a job that makes a Model from a Model."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from workbench.experiment import ModelSource

if TYPE_CHECKING:
    from workbench.models.zoo import Archive
    from workbench.models.zoo_cache import ModelFiles

Fetch = Callable[[str, "Archive"], "ModelFiles"]
"""From a zoo model's name and an archive of it to its files."""


class MethodOptions(BaseModel):
    """Base of a method's options, as a recipe writes them. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trains: ClassVar[bool] = False
    """Whether the method trains: it is then given the network with its batch normalizations, which others get folded."""

    def variant(self) -> str:
        """A short text that tells two models of one method apart in a table."""
        return ""

    def smoke(self) -> Self:
        """The same options, so shortened that they only show that the method runs."""
        return self

    def located(self, model: ModelSource, folder: Path, *, fetch: Fetch) -> Self:
        """The same options with what a recipe need not say: files that belong to its `model`, fetched where they are in the zoo.

        Raises InputError when they cannot be had.
        """
        return self

    def files(self, folder: Path) -> list[Path]:
        """Files of the user's that the method reads besides model and data; `folder` is the recipe's. Raises InputError."""
        return []

    def kept_identity(self) -> list[Any]:
        """What the file that the job keeps depends on, besides model and data: models equal in this share it."""
        return []


class Method:
    """A registry row: name, options and the job that a worker runs.

    The job is called as `job(channel, model=folder, task=..., method=name, options={...}, variant=..., kept=file, models=folder)`
    and returns the digest of the Model it made below `models`, and the seconds it took. In `kept` it leaves what took long
    and is of use again: what calibration saw, or a checkpoint. `integer` tells whether the Model computes in INT8.
    """

    def __init__(self, name: str, title: str, options: type[MethodOptions], *, job: str, integer: bool) -> None:
        self.name = name
        self.title = title
        self.Options = options
        self.job = job
        self.integer = integer

    def parse(self, options: dict[str, Any]) -> MethodOptions:
        """Check options; raises pydantic's ValidationError."""
        return self.Options.model_validate(options)
