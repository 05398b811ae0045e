"""The contract of a quantization method: options that load no runtime, and a job that makes a Model from a Model."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class MethodOptions(BaseModel):
    """Base of a method's options, as a recipe writes them. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def variant(self) -> str:
        """A short text that tells two models of one method apart in a table."""
        return ""

    def statistics_identity(self) -> list[Any]:
        """What the statistics of the activations depend on, besides model and data: models equal in this share them."""
        return []


class Method:
    """A registry row: name, options and the job that a worker runs.

    The job is called as `job(channel, model=folder, task=..., options={...}, variant=..., statistics=file, models=folder)`
    and returns the digest of the Model it made below `models`, and the seconds it took. `statistics` is where calibration
    leaves what it saw for other models.
    """

    def __init__(self, name: str, *, title: str, options: type[MethodOptions], job: str) -> None:
        self.name = name
        self.title = title
        self.Options = options
        self.job = job

    def parse(self, options: dict[str, Any]) -> MethodOptions:
        """Check options; raises pydantic's ValidationError."""
        return self.Options.model_validate(options)
