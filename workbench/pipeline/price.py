"""What keeping tensors in float costs: the chosen model against the one with nothing in float, in alternating blocks."""

from typing import Any

import numpy as np

from workbench.experiment import Measurement
from workbench.measure.comparison import Member, measure_group
from workbench.pipeline.plan import Cell
from workbench.pipeline.progress import Bar
from workbench.pipeline.stages import Experiment, session_arguments
from workbench.records import Scope

ROUNDS, BLOCK_RUNS = 6, 20


def price_of_float(experiment: Experiment, cell: Cell, *, quantized: str, chosen: str) -> dict[str, Any] | None:
    """How much slower the prepared Model `chosen` is than `quantized`: `ms`, and `ratio` with its 95 % interval.

    Fewer blocks than stage `latency` takes: the figure is there to weigh a choice by. None when one of them did not run.
    """
    members = [
        Member(
            name,
            session_arguments(experiment, cell, prepared, batch=cell.batch),
            experiment.run.log(f"quantize-price-{cell.backend}-{name}"),
            cell.threads,
        )
        for name, prepared in (("quantized", quantized), ("chosen", chosen))
    ]
    with Bar(f"price of float on {cell.backend}") as bar:
        result = measure_group(members, _brief(experiment.recipe.measure), progress=bar)
    ratio = result.speedup("chosen", "quantized", Scope.RUNTIME)
    if ratio is None:
        return None
    median = float(np.median([np.median(block) for block in result.members["quantized"].blocks[Scope.RUNTIME]]))
    return {
        "ms": (ratio.value - 1) * median,  # by the ratio: the machine may have changed its pace between two blocks
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "warning": result.disturbance.warning,
    }


def _brief(measure: Measurement) -> Measurement:
    rounds, runs = min(ROUNDS, measure.rounds), min(BLOCK_RUNS, measure.block_runs)
    return measure.model_copy(update={"scopes": [Scope.RUNTIME], "rounds": rounds, "block_runs": runs, "repeats": 1})
