"""How long quantization takes, against PaddleSlim's own on the same model and images."""

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cpu.rows import Row, failed
from benchmarks.cpu.subjects import Subject
from workbench.compatibility import import_paddle
from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.machine import this_machine
from workbench.models.model import Model, matching_inputs
from workbench.pipeline import Experiment, Stage
from workbench.pipeline.plan import FLOAT_MODEL
from workbench.quant.registry import METHODS
from workbench.records import Status
from workbench.tasks.loader import load_task
from workbench.worker import Channel

BACKEND = "calibration"  # in the column that names the backend of the other rows
RATIO_TARGET = 0.3
ALL_ALGORITHMS_S = 12.0
METHOD = METHODS["static"]
# An enumeration of the package: every algorithm that it has.
ALGORITHMS = tuple(str(algo) for algo in METHOD.Options.model_fields["algo"].annotation or ())
CORES = 2
MS_PER_S = 1e3


def planned_rows(subject: Subject) -> list[Row]:
    """The two rows, still empty: one algorithm against PaddleSlim, and all of them against a fixed time."""
    shared: dict[str, Any] = {
        "model": subject.name,
        "backend": BACKEND,
        "weights": subject.weights,
        "machine": this_machine().machine_id,
    }
    return [
        Row(precision="int8 hist", reference="PaddleSlim hist", target=RATIO_TARGET, **shared),
        Row(precision=f"int8 all {len(ALGORITHMS)}", reference=f"{ALL_ALGORITHMS_S:g} s", target=1.0, **shared),
    ]


def calibration_rows(experiment: Experiment, subject: Subject) -> list[Row]:
    """Time both, on CORES threads and without imports; ours before and after PaddleSlim's, so that a drift shows less."""
    one, every = planned_rows(subject)
    try:
        first = ours_seconds(experiment, ["hist"])
        stock = stock_seconds(experiment)
        mine = statistics.mean([first, ours_seconds(experiment, ["hist"])])
        one = _timed(one, mine, stock)
    except WorkbenchError as error:
        one = failed([one], str(error))[0]
    try:
        every = _timed(every, ours_seconds(experiment, ALGORITHMS), ALL_ALGORITHMS_S)
    except WorkbenchError as error:
        every = failed([every], str(error))[0]
    return [one, every]


def ours_seconds(experiment: Experiment, algorithms: Sequence[str]) -> float:
    """Seconds that the package's static quantization takes for these algorithms, starting from nothing.

    As stage `quantize` runs them: the first one's calibration has all cores, and the others, which read what it kept, follow,
    one on each core. Loading libraries is left out of every one's seconds.
    """
    source = _float_model(experiment)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=experiment.run.path) as scratch:
        # The float model lies beside the quantized ones; what one pass over the samples saw is shared by the algorithms only.
        (Path(scratch) / source.name).symlink_to(source)

        def seconds(algorithm: str, threads: int) -> float:
            arguments = {
                "model": str(Path(scratch) / source.name),
                "task": experiment.task,
                "options": METHOD.parse({"algo": algorithm}).model_dump(mode="json"),
                "method": METHOD.name,
                "variant": algorithm,
                "kept": str(Path(scratch) / "statistics.npz"),
                "models": scratch,
            }
            return _seconds(experiment, f"ours-{algorithm}", METHOD.job, arguments, threads=threads)

        first = seconds(algorithms[0], CORES)
        lanes = [0.0] * CORES
        with ThreadPoolExecutor(CORES) as pool:
            for taken in pool.map(lambda algorithm: seconds(algorithm, 1), algorithms[1:]):
                lanes[lanes.index(min(lanes))] += taken
        return first + max(lanes)


def stock_seconds(experiment: Experiment) -> float:
    """Seconds that PaddleSlim's own `quant_post_static` takes."""
    arguments = {"model": str(_float_model(experiment)), "task": experiment.task}
    return _seconds(experiment, "stock-hist", f"{__name__}:stock_job", arguments)


def stock_job(channel: Channel, *, model: str, task: dict[str, Any]) -> dict[str, float]:
    """Worker job: PaddleSlim's static quantization as it comes, algorithm hist, on the task's calibration samples."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    paddle = import_paddle()
    import paddleslim.quant

    source, loaded = Model.open(Path(model)), load_task(task)
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    specs = source.manifest.inputs
    with paddle.static.scope_guard(paddle.static.Scope()), tempfile.TemporaryDirectory() as made:
        _, names, _ = paddle.static.load_inference_model(str(source.paddle_prefix), executor)
        samples = loaded.calibration()

        def feeds() -> Any:
            for sample in samples:
                inputs = loaded.preprocess(sample.decode())[0]
                yield dict(zip(names, matching_inputs(specs, inputs), strict=True))

        start = time.perf_counter()
        paddleslim.quant.quant_post_static(
            executor=executor,
            model_dir=str(source.folder),
            quantize_model_path=made,
            data_loader=feeds,
            model_filename="model.pdmodel",
            params_filename="model.pdiparams",
            batch_nums=len(samples),
            scope=paddle.static.global_scope(),
            algo="hist",
            weight_quantize_type="channel_wise_abs_max",
            onnx_format=True,
        )
        return {"seconds": time.perf_counter() - start}


def _float_model(experiment: Experiment) -> Path:
    return experiment.run.models / str(experiment.load(Stage.QUANTIZE)["models"][FLOAT_MODEL]["digest"])


def _seconds(
    experiment: Experiment, name: str, function: str, arguments: dict[str, Any], *, threads: int = CORES
) -> float:
    log = experiment.run.log(f"calibration-{name}")
    outcome = run_job(function, arguments, log=log, timeout_s=experiment.recipe.measure.timeout_s, threads=threads)
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"{name}: {outcome.status}: {outcome.reason}")
    return float(outcome.value["seconds"])


def _timed(row: Row, ours: float, reference: float) -> Row:
    return replace(row, ours_ms=ours * MS_PER_S, reference_ms=reference * MS_PER_S, ratio=ours / reference)
