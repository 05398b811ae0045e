"""TensorRT without a GPU: python -m benchmarks.trt_check [--only MODEL] [--run FOLDER] [--sm SM89] [--accuracy] [--out FOLDER].

Every quantized model is lowered for TensorRT, with FP32 and with FP16 scales, and TensorRT-RTX builds a plan of it for each GPU
generation. The exit code is 1 when one of them is refused, or runs a quantized product in float; Turing is only told of.
`--accuracy` measures instead what NanoDet-m loses.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.cpu.subjects import REPOSITORY
from benchmarks.trt_check.accuracy import measure, shortfalls, write_accuracy
from benchmarks.trt_check.rows import Row, plain_table, reasons, write_rows
from benchmarks.trt_check.subjects import PRECISIONS, SUBJECTS, lowering, quantized_models
from workbench.errors import InputError, WorkbenchError
from workbench.launch import Outcome, run_job
from workbench.models.model import Model
from workbench.records import Precision, Status
from workbench.worker import refused_by_system

logger = logging.getLogger("trt-check")
GENERATIONS = ("SM75", "SM80", "SM86", "SM89", "SM120")
TOLD_ONLY = "SM75"  # TensorRT-RTX has no INT8 convolutions there, and no FP32 matrix products
TIMEOUT_S = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what was chosen; writes `results.csv`, after every model, or `accuracy.csv`."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    folder = options.out.resolve()
    try:
        return _accuracy(folder, options.images) if options.accuracy else _plans(options, folder)
    except (WorkbenchError, OSError) as error:
        print(refused_by_system(error) if isinstance(error, OSError) else error, file=sys.stderr)
        return 1


def _accuracy(folder: Path, images: int) -> int:
    rows = measure(folder / "accuracy", images)
    lacking = shortfalls(rows)
    print("\n".join([write_accuracy(folder, rows), *lacking, f"{len(rows)} rows: {folder}/accuracy.csv"]))
    return int(bool(lacking))


def _plans(options: argparse.Namespace, folder: Path) -> int:
    rows: list[Row] = []
    for found in _checked(options, folder):
        rows += found
        write_rows(folder, rows)
    print("\n".join([plain_table(rows), *reasons(rows)]))
    print(f"{len(rows)} rows: {folder}/results.csv")
    return int(not all(row.proven for row in rows if row.sm != TOLD_ONLY))


def _checked(options: argparse.Namespace, folder: Path) -> Iterator[list[Row]]:
    for name in options.only:
        try:
            models = SUBJECTS[name].quantized(folder / name)
        except WorkbenchError as error:
            yield _no_rows(name, "", "", options.sm, "failed", str(error))
            continue
        for model in models:
            yield check(model, folder, options.sm)
    for run in options.run:
        for model in quantized_models(run.resolve()):
            yield check(model, folder, options.sm)


def check(model: Model, folder: Path, generations: Sequence[str]) -> list[Row]:
    """The rows of one quantized Model, of both precisions."""
    return [row for precision in PRECISIONS for row in _of_precision(model, precision, folder, generations)]


def _of_precision(model: Model, precision: Precision, folder: Path, generations: Sequence[str]) -> list[Row]:
    manifest, models = model.manifest, folder / "lowered"
    logger.info("%s %s", model.label, precision)
    name = f"{model.digest}-{precision}"
    arguments = {"model": str(model.folder), "models": str(models)}
    made = _job(lowering(model, precision), arguments, folder, f"{name}-lower")
    if made.status is not Status.OK:
        reason = f"lowering: {made.reason}"
        return _no_rows(manifest.name, manifest.method, manifest.variant, generations, made.status, reason, [precision])
    lowered = Model.open(models / made.value["digest"])
    left = sum(found["count"] for found in lowered.manifest.facts["float_operators"])
    rows = []
    for sm in generations:
        arguments = {"network": str(lowered.onnx_file), "sm": sm}
        outcome = _job("workbench.backends.tensorrt.rtx_plan:build_job", arguments, folder, f"{name}-{sm}")
        row = Row(manifest.name, manifest.method, manifest.variant, precision, sm, built=False, float_ops=left)
        rows.append(_filled(row, outcome))
    return rows


def _filled(row: Row, outcome: Outcome) -> Row:
    if outcome.status is not Status.OK:
        return replace(row, status=outcome.status, reason=outcome.reason)
    value = dict(outcome.value)
    floats = value.pop("float_names")
    reason = f"{len(floats)} quantized products run in float, {floats[0]!r} the first" if floats else ""
    return replace(row, built=True, reason=reason, **value)


def _job(function: str, arguments: dict[str, str], folder: Path, name: str) -> Outcome:
    try:
        return run_job(function, arguments, log=folder / "logs" / f"{name}.log", timeout_s=TIMEOUT_S)
    except InputError as error:
        return Outcome(Status.FAILED, reason=str(error))


def _no_rows(
    model: str,
    method: str,
    variant: str,
    generations: Sequence[str],
    status: str,
    reason: str,
    precisions: Sequence[Precision] = PRECISIONS,
) -> list[Row]:
    return [
        Row(model, method, variant, precision, sm, built=False, status=status, reason=reason)
        for precision in precisions
        for sm in generations
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trt_check", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=list(SUBJECTS),
        help="a model; again for more (default: all, or none with --run)",
    )
    parser.add_argument(
        "--run", action="append", type=Path, default=[], help="the quantized models of a run folder; again for more"
    )
    parser.add_argument(
        "--sm", action="append", choices=GENERATIONS, help="a GPU generation; again for more (default: all)"
    )
    parser.add_argument("--accuracy", action="store_true", help="what NanoDet-m loses, instead of plans")
    parser.add_argument("--images", type=int, default=64, help="evaluation images, with --accuracy")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "runs" / "trt-check", help="folder of the results")
    options = parser.parse_args(arguments)
    if options.images < 1:
        parser.error(f"argument --images: {options.images} is none; give 1 or more")
    options.only = options.only or ([] if options.run else list(SUBJECTS))
    options.sm = options.sm or list(GENERATIONS)
    return options


if __name__ == "__main__":
    sys.exit(main())
