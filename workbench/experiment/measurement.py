"""A recipe's settings for measuring."""

from pydantic import Field

from workbench.experiment.strict import Strict
from workbench.records import Scope


class Measurement(Strict):
    """How latency and accuracy are measured (blocks in alternation: see the README's section on measuring)."""

    scopes: list[Scope] = Field([Scope.RUNTIME, Scope.END_TO_END], min_length=1, description="what a latency covers")
    warmup: int = Field(50, ge=0, description="runs before the first block")
    repeats: int = Field(1000, ge=1, description="counted runs of each model, at least")
    rounds: int = Field(10, ge=2, description="alternating rounds: one block of each model per round")
    block_runs: int = Field(50, ge=1, description="counted runs in a block, at least")
    block_seconds: float = Field(0.3, ge=0, description="counted time of a block, at least")
    discard_runs: int = Field(15, ge=0, description="runs thrown away at the start of a block, at most")
    discard_seconds: float = Field(0.1, ge=0, description="time after which no more runs are thrown away")
    bootstrap: int = Field(1000, ge=20, description="resamples for the interval of the accuracy drop")
    sqnr_images: int = Field(
        32,
        ge=0,
        description="evaluation samples on which outputs are compared with FP32's; 0: none, nothing being evaluated where there is no metric either",
    )
    sqnr_outputs: list[str] = Field(default_factory=list, description="outputs that count for the SQNR; default: all")
    evaluation_limit: int | None = Field(None, ge=1, description="use only the first evaluation samples")
    timeout_s: float = Field(
        1800, gt=0, description="longest silence of a job, which tells its progress while it is at work"
    )
