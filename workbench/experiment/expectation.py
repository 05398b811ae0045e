"""What a recipe may state of its results, for the run to be judged by."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from workbench.experiment.strict import Strict


class Column(StrEnum):
    """A figure that a recipe can state an expectation of."""

    METRIC_DROP = "metric_drop"
    METRIC_VALUE = "metric_value"
    SQNR_DB = "sqnr_db"
    MODEL_SIZE_MB = "model_size_mb"
    GFLOPS = "gflops"
    SPEEDUP_VS_FP32 = "speedup_vs_fp32"
    LATENCY_P50_MS = "latency_p50_ms"


SPEED_COLUMNS = frozenset({Column.SPEEDUP_VS_FP32, Column.LATENCY_P50_MS})


class Expectation(Strict):
    """A bound on a figure. Tolerance is absolute for accuracy, relative for size and speed; speed needs a machine kind."""

    where: dict[str, str | bool | int] = Field(description="columns and values that select the rows")
    column: Column = Field(description="the figure")
    minimum: float | None = Field(None, description="the figure must not be below")
    maximum: float | None = Field(None, description="the figure must not be above")
    tolerance: float = Field(
        0.0, ge=0, description="allowed overshoot: points or dB for accuracy, a fraction for size, GFLOPs and speed"
    )
    machine: list[str] = Field(
        default_factory=list, description="checked only on a CPU with all these instruction sets"
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("give `minimum` or `maximum`")
        if self.column in SPEED_COLUMNS and not self.machine:
            raise ValueError(
                f"`{self.column}` holds only on named machine kinds: give `machine`, such as [avx512_vnni]"
            )
        return self
