"""What the timing harness itself costs: python benchmarks/harness_cost.py RUN. Target: a ratio of 0.98 to 1.02.

For each FP32 and INT8 model that RUN (such as runs/demo) deployed on a CPU: the harness's mean time of a call against a
bare loop over the same session, in one process, in alternating blocks.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from workbench.launch import run_job
from workbench.measure.timer import run_block
from workbench.records import Status

PAIRS = 20
CALLS = 50
LOW, HIGH = 0.98, 1.02


def bare_loop_ms(call: Any) -> float:
    """Mean of CALLS calls, timed once from outside, in ms."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS * 1e3


def ratio_job(
    channel: Any, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any]
) -> dict[str, Any]:
    """Worker job: the ratio of the harness's mean to the bare loop's, and the bare loop's mean in ms."""
    from workbench.backends.base import Settings
    from workbench.backends.registry import BACKENDS
    from workbench.models.model import Model
    from workbench.tasks.loader import load_task

    loaded = load_task(task)
    inputs, _ = loaded.preprocess(loaded.evaluation()[0].decode())
    with BACKENDS[backend].open(Model.open(Path(model)), Settings(**settings)) as session:

        def call() -> Any:
            return session.run(inputs)

        def harness_ms() -> float:
            return statistics.mean(run_block(call, runs=CALLS, seconds=0, discard_runs=0, discard_seconds=0))

        bare_loop_ms(call)
        pairs = []
        for turn in range(PAIRS):
            if turn % 2:
                bare, harness = bare_loop_ms(call), harness_ms()
            else:
                harness, bare = harness_ms(), bare_loop_ms(call)
            pairs.append((harness, bare))
            channel.progress(turn + 1, PAIRS, backend)
    return {"ratio": statistics.median(h / b for h, b in pairs), "bare_ms": statistics.median(b for _, b in pairs)}


def main(run: Path) -> int:
    """Print the ratio of every deployed model; exit code 1 when one is out of bounds or could not be measured."""
    from workbench.pipeline import Stage, open_experiment
    from workbench.pipeline.stages import ready_cells, session_arguments

    experiment = open_experiment(run / "recipe.yaml", run)
    deployed = json.loads((run / "stages" / f"{Stage.DEPLOY}.json").read_text())["cells"]
    bad = False
    for cell in ready_cells(experiment, deployed):
        arguments = session_arguments(experiment, cell, deployed[cell.key]["prepared"], batch=cell.batch)
        outcome = run_job(
            "harness_cost:ratio_job", arguments, log=run / "logs" / f"harness-{cell.key}.log", timeout_s=600
        )
        if outcome.status is not Status.OK:
            print(f"{cell.key}: {outcome.status}: {outcome.reason}")
            bad = True
            continue
        ratio = outcome.value["ratio"]
        bad |= not LOW <= ratio <= HIGH
        print(f"{cell.key}: harness / bare loop = {ratio:.4f} at {outcome.value['bare_ms']:.2f} ms a call")
    return int(bad)


if __name__ == "__main__":
    # Workers import this file by name.
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    sys.exit(main(Path(sys.argv[1])))
