"""INT8 on CPU against the best that other tools give: python -m benchmarks.cpu [--smoke] [--only MODEL] [--backend B]."""

import argparse
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from benchmarks.cpu import calibration
from benchmarks.cpu.compare import compare, planned_rows
from benchmarks.cpu.rows import Row, failed, notes, plain_table, read_parts, write_part, write_tables
from benchmarks.cpu.subjects import BACKEND_NAMES, REPOSITORY, SUBJECTS, Subject
from workbench import pipeline
from workbench.errors import WorkbenchError
from workbench.experiment import TaskSource
from workbench.files import content_hash, file_digest, write_text
from workbench.launch import run_job
from workbench.machine import this_machine
from workbench.records import Status
from workbench.tasks.loader import task_spec

logger = logging.getLogger("bench-cpu")
PARTS = (*BACKEND_NAMES, calibration.BACKEND)
TITLE = "INT8 on CPU, 1 thread, batch 1: median ms, ratio ours / reference from alternating blocks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was chosen, and write the tables of all that has been; exit code 1 when nothing could be measured."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    # Workers import this package by name.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    folder = options.out or REPOSITORY / "runs" / ("bench-cpu-smoke" if options.smoke else "bench-cpu")
    start = time.monotonic()
    for name in options.only:
        run_subject(SUBJECTS[name], folder.resolve(), parts=options.backend, smoke=options.smoke)
        # Here and not after the loop: a run that is cut short leaves the tables of what it measured.
        rows = read_parts(folder, [f"{name}-{part}" for name in SUBJECTS for part in PARTS])
        write_tables(folder, rows, title=TITLE, machine=machine_line())
    print("\n".join([plain_table(rows), *notes(rows)]))
    print(f"\n{TITLE}\n{machine_line()}; {time.monotonic() - start:.0f} s; tables: {folder}/results.csv, table.md")
    return int(all(row.ratio is None for row in rows))


def machine_line() -> str:
    """The machine and the libraries that the figures hold for."""
    machine = this_machine()
    names = ("onnxruntime", "openvino", "paddlepaddle", "paddleslim")
    libraries = ", ".join(f"{name} {machine.versions[name]}" for name in names if name in machine.versions)
    return f"{machine.cpu}, {machine.cores} cores, {' '.join(machine.isa)} ({machine.machine_id}); {libraries}"


def run_subject(subject: Subject, folder: Path, *, parts: Sequence[str], smoke: bool) -> None:
    """All that was chosen of one network; whatever goes wrong costs its own rows only, and they say why."""
    plans = {part: _planned(subject, part) for part in parts}
    backends = tuple(part for part in parts if part in BACKEND_NAMES)
    try:
        if lacking := subject.missing():
            raise WorkbenchError(lacking)
        files = _source(subject, folder, smoke=smoke)
        experiment = _quantized(subject, folder, files, backends=backends or BACKEND_NAMES[:1], smoke=smoke)
        if backends:
            pipeline.deploy(experiment)
            pipeline.accuracy(experiment)
    except Exception as error:
        logger.warning("%s: %s", subject.name, error)
        for part, rows in plans.items():
            write_part(folder, f"{subject.name}-{part}", failed(rows, str(error)))
        return

    def measured(part: str) -> list[Row]:
        if part == calibration.BACKEND:
            return calibration.calibration_rows(experiment, subject)
        return compare(experiment, subject, backend=part, onnx_file=files["onnx"])

    for part, rows in plans.items():
        if rows:
            logger.info("%s: %s", subject.name, part)
            write_part(folder, f"{subject.name}-{part}", _attempt(measured, part, rows))


def _attempt(measured: Callable[[str], list[Row]], part: str, rows: list[Row]) -> list[Row]:
    try:
        return measured(part)
    except Exception as error:
        logger.exception("%s", part)
        return failed(rows, f"{type(error).__name__}: {error}")


def _planned(subject: Subject, part: str) -> list[Row]:
    if part != calibration.BACKEND:
        return planned_rows(subject, part)
    # Its time is asked for on the trained model only.
    return [] if subject.network else calibration.planned_rows(subject)


def _quantized(
    subject: Subject, folder: Path, files: dict[str, str], *, backends: tuple[str, ...], smoke: bool
) -> pipeline.Experiment:
    """The experiment, imported and quantized anew: what is measured is the code as it is now."""
    recipe = folder / subject.name / "given.yaml"
    content = subject.recipe(Path(files["source"]), backends, smoke=smoke)
    write_text(recipe, yaml.safe_dump(content, sort_keys=False))
    experiment = pipeline.open_experiment(recipe, folder / subject.name, smoke=smoke, fresh=True)
    pipeline.quantize(experiment)
    return experiment


def _source(subject: Subject, folder: Path, *, smoke: bool) -> dict[str, str]:
    """The network's files: `source` for the recipe, `onnx` for the other tools. One without weights is built once."""
    if not subject.network:
        return {"source": str(subject.given_onnx), "onnx": str(subject.given_onnx)}
    task = task_spec(TaskSource.model_validate(subject.task(smoke=smoke)), folder)
    code = [file_digest(Path(__file__).with_name(name)) for name in ("networks.py", "crops.py")]
    target = folder / "networks" / f"{subject.name}-{content_hash([task, code])}"
    if not (target / "model.onnx").is_file():
        unfinished = target.with_name(f"{target.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        logger.info("%s: building it", subject.name)
        outcome = run_job(
            "benchmarks.cpu.networks:build_job",
            {"network": subject.network, "task": task, "folder": str(unfinished)},
            log=target.with_suffix(".log"),
            timeout_s=600,
            threads=2,
        )
        if outcome.status is not Status.OK:
            raise WorkbenchError(f"building the network: {outcome.status}: {outcome.reason}")
        unfinished.rename(target)
    return {"source": str(target / "model.pdmodel"), "onnx": str(target / "model.onnx")}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(SUBJECTS), help="a model; again for more (default: all)"
    )
    parser.add_argument("--backend", action="append", choices=PARTS, help="a part; again for more (default: all)")
    parser.add_argument("--smoke", action="store_true", help="little data and few repeats, only to see that it runs")
    parser.add_argument("--out", type=Path, help="folder of the results (default: runs/bench-cpu)")
    options = parser.parse_args(arguments)
    quick = ("mobilenet_v1", "onnxruntime") if options.smoke else ()
    options.only = options.only or list(quick[:1] or SUBJECTS)
    options.backend = options.backend or list(quick[1:] or PARTS)
    return options


if __name__ == "__main__":
    sys.exit(main())
