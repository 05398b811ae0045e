"""For someone who owns a GPU: python -m benchmarks.gpu_check [--smoke] [--out FOLDER].

All GPU backends in all their precisions on two networks, against ONNX Runtime on CPU. The exit code is 1 when nothing ran on a
GPU, or when a row failed there; a bundle to attach to an issue is written in any case.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.cpu.subjects import DATA, REPOSITORY
from benchmarks.gpu_check.bundle import write_bundle
from benchmarks.gpu_check.subjects import subjects
from benchmarks.gpu_check.table import reasons, result_table, unavailable_table
from workbench import pipeline
from workbench.errors import WorkbenchError
from workbench.files import write_text
from workbench.machine import this_machine
from workbench.pipeline.doctor import doctor
from workbench.records import Device, Metric, Record, Status, read_metrics, read_records
from workbench.worker import refused_by_system

logger = logging.getLogger("gpu-check")
PRIVATE = {"REPOSITORY": REPOSITORY, "DATA": DATA}
BAD = (Status.FAILED, Status.CRASHED, Status.TIMEOUT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print, and write the bundle; 0 only when something ran on a GPU and nothing failed there."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    # Workers import this package by name.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    folder = options.out.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"gpu-check: {refused_by_system(error)}", file=sys.stderr)
        return 2
    found = doctor()
    told = [f"broken: {finding['problem']}; {finding['cure']}" for finding in found["findings"]]
    runs: list[Path] = []
    if any(row["device"] == Device.GPU and row["status"] == "ready" for row in found["matrix"]):
        runs, records, metrics = _run_all(folder, smoke=options.smoke)
        table = "\n".join([result_table(records, metrics), *reasons(records), *told])
        problem = verdict(records)
    else:
        table = "\n".join([unavailable_table(found["matrix"]), *told])
        problem = "nothing ran: no backend is ready on a GPU of this machine"
    print(table)
    bundle = folder / f"gpu-check-{this_machine().machine_id}.zip"
    print(f"bundle: {write_bundle(bundle, doctor=found, runs=runs, table=table, folders=PRIVATE)}")
    if problem:
        print(f"gpu-check: {problem}", file=sys.stderr)
    return int(bool(problem))


def verdict(records: Sequence[Record]) -> str:
    """What is wrong with the rows on GPU, in one line; empty when at least one is `ok` and none failed."""
    on_gpu = [row for row in records if row.device is Device.GPU]
    bad = [row for row in on_gpu if row.status in BAD]
    if bad:
        return (
            f"{len(bad)} of {len(on_gpu)} rows failed, {bad[0].backend} {bad[0].precision} of {bad[0].model} the first"
        )
    return "" if any(row.status is Status.OK for row in on_gpu) else "nothing ran: no row on a GPU is ok"


def _run_all(folder: Path, *, smoke: bool) -> tuple[list[Path], list[Record], list[Metric]]:
    runs: list[Path] = []
    records: list[Record] = []
    metrics: list[Metric] = []
    for recipe in subjects():
        run = folder / str(recipe["name"])
        runs.append(run)
        try:
            _run(recipe, run, smoke=smoke)
        except WorkbenchError as error:
            logger.warning("%s: %s", run.name, error)
            continue
        records += read_records(run)
        metrics += read_metrics(run)
    return runs, records, metrics


def _run(recipe: dict[str, Any], run: Path, *, smoke: bool) -> None:
    logger.info("%s", recipe["name"])
    write_text(run / "given.yaml", yaml.safe_dump(recipe, sort_keys=False))
    experiment = pipeline.open_experiment(run / "given.yaml", run, smoke=smoke)
    for stage in (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report):
        stage(experiment)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="as little data and as few runs as show that everything runs"
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "runs" / "gpu-check", help="folder of runs and bundle")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
