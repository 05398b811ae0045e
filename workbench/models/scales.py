"""What quantization knows about a network: the range of every activation and of every weight's output channels."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

ALL_BACKENDS = "all"


class Source(StrEnum):
    """Where a range comes from."""

    CALIBRATED = "calibrated"
    TRAINED = "trained"
    RECALIBRATED = "recalibrated"


class Scheme(StrEnum):
    """How activations are rounded: int8 around 0 by `absmax`, or uint8 from `minimum` to `maximum`."""

    SYMMETRIC = "symmetric"
    ASYMMETRIC = "asymmetric"


class ActivationRange(BaseModel):
    """Range of one activation tensor, in the tensor's own units.

    `absmax` is the threshold for symmetric quantization (scale = absmax / 127), `minimum` <= 0 <= `maximum` the range for
    asymmetric quantization (scale = (maximum - minimum) / 255). They are chosen by the same algorithm, not derived from
    one another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum: float = Field(le=0)
    maximum: float = Field(ge=0)
    absmax: float = Field(gt=0)
    source: Source = Source.CALIBRATED


class WeightRange(BaseModel):
    """Largest absolute value of each output channel of a weight; the channels lie along `axis`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    axis: int
    absmax: tuple[float, ...]


class Scales(BaseModel):
    """The ranges by tensor name, and what stays in float on which backend.

    `kept_in_float`: backend, or ALL_BACKENDS -> tensor (activation or weight) -> why. Operators that read such a tensor
    are not quantized on that backend, and the tensor carries no scale there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    activations: dict[str, ActivationRange] = Field(default_factory=dict)
    weights: dict[str, WeightRange] = Field(default_factory=dict)
    kept_in_float: dict[str, dict[str, str]] = Field(default_factory=dict)

    def keeping(self, backend: str, tensors: dict[str, str]) -> "Scales":
        """The same ranges with more tensors, each with its reason, whose readers stay in float on a backend."""
        kept = self.kept_in_float.get(backend, {}) | tensors
        return self.model_copy(update={"kept_in_float": self.kept_in_float | ({backend: kept} if kept else {})})

    def in_float(self, backend: str) -> frozenset[str]:
        """Names of the tensors whose readers stay in float on a backend."""
        return frozenset(self.kept_in_float.get(backend, {})) | frozenset(self.kept_in_float.get(ALL_BACKENDS, {}))
