"""Who takes part in a comparison group: our deployed models and the references, each with its accuracy, or why it is not there."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cpu.references import Tool
from benchmarks.cpu.subjects import REPOSITORY, Reference
from workbench.backends.base import Settings
from workbench.errors import WorkbenchError
from workbench.files import file_digest
from workbench.pipeline import Experiment, Stage
from workbench.pipeline.plan import FLOAT_MODEL, Cell
from workbench.pipeline.stages import deployment_identity, session_arguments, versions
from workbench.records import Precision, Status

PYTHON = REPOSITORY / ".venv-bench" / "bin" / "python"
LOCK = REPOSITORY / "requirements" / "bench.lock"
JOBS = "benchmarks.cpu.references"


@dataclass
class Contender:
    """A model that is timed: the arguments of its session, and its figures; `reason` says why there are none."""

    arguments: dict[str, Any] = field(default_factory=dict)
    metric: float | None = None
    sqnr_db: float | None = None
    reason: str = ""


def ours(experiment: Experiment, cell: Cell) -> Contender:
    """One of our cells, from what the stages deploy and accuracy left."""
    deployed = experiment.load(Stage.DEPLOY)["cells"][cell.key]
    if deployed["status"] != Status.OK:
        return Contender(reason=f"{deployed['status']}: {deployed['reason']}")
    evaluated = experiment.load(Stage.ACCURACY)["cells"][cell.key]
    arguments = session_arguments(experiment, cell, deployed["prepared"], batch=1)
    return Contender(arguments) if evaluated["status"] != Status.OK else _with_figures(arguments, experiment, evaluated)


def reference(experiment: Experiment, which: Reference, *, backend: str, onnx_file: str) -> Contender:
    """Make a reference from the network's ONNX file (another tool's work is kept for the next time) and evaluate it."""
    try:
        made = _make(experiment, which, backend=backend, onnx_file=onnx_file)
    except WorkbenchError as error:
        return Contender(reason=f"making it: {error}")
    if made["status"] != Status.OK:
        return Contender(reason=f"making it: {made['status']}: {made['reason']}")
    precision = Precision.FP32 if which is Reference.AS_GIVEN else Precision.INT8
    arguments = {
        "backend": backend,
        "model": str(experiment.run.models / made["value"]["digest"]),
        "settings": Settings(precision=precision).model_dump(mode="json"),
        "task": experiment.task,
    }
    return _evaluated(experiment, arguments, backend=backend, name=which.name.lower())


def _make(experiment: Experiment, which: Reference, *, backend: str, onnx_file: str) -> dict[str, Any]:
    like = experiment.run.models / experiment.load(Stage.QUANTIZE)["models"][FLOAT_MODEL]["digest"]
    models = str(experiment.run.models)
    shared: dict[str, Any] = {"onnx_file": onnx_file, "like": str(like), "models": models}
    if which is Reference.AS_GIVEN and backend == "paddle_inference":
        source = experiment.recipe.model.model_dump(mode="json") | {"clean": False}
        function, arguments = "workbench.models.importers:import_job", {"source": source, "models": models}
    elif which is Reference.AS_GIVEN:
        function, arguments = f"{JOBS}:as_given_job", shared
    elif PYTHON.is_file():
        tool = {"tool": Tool.NNCF if which is Reference.NNCF else Tool.QUANTIZE_STATIC, "python": str(PYTHON)}
        function, arguments = f"{JOBS}:quantize_job", shared | tool | {"task": experiment.task}
    else:
        raise WorkbenchError("the other tools are not installed: `make bench-cpu` does that, in .venv-bench")
    tools = [versions("onnxruntime", "onnx", "x2paddle", "paddlepaddle"), file_digest(LOCK)]
    code = [file_digest(Path(__file__).with_name(name)) for name in ("references.py", "other_tools.py")]
    identity = [which, like.name, file_digest(Path(onnx_file)), experiment.task_digest, tools, code]
    name, again = f"reference-{backend}-{which.name.lower()}", which is Reference.AS_GIVEN
    return experiment.job(Stage.DEPLOY, name, function, arguments, identity=identity, again=again, threads=2)


def _evaluated(experiment: Experiment, arguments: dict[str, Any], *, backend: str, name: str) -> Contender:
    """Metric and SQNR of a reference, against our FP32 on the same backend."""
    baseline = next(cell for cell in experiment.cells() if cell.backend == backend and cell.is_baseline)
    fp32 = experiment.load(Stage.ACCURACY)["cells"][baseline.key]
    measure = experiment.recipe.measure
    outputs = experiment.run.path / "outputs"
    identity = [
        deployment_identity(experiment, baseline, Path(arguments["model"]).name),
        measure.model_dump(mode="json", include={"evaluation_limit", "sqnr_images", "sqnr_outputs"}),
        Path(fp32["outputs"]).name,
        name,
    ]
    record = experiment.job(
        Stage.ACCURACY,
        f"evaluate-{backend}-{name}",
        "workbench.measure.accuracy:evaluate_job",
        arguments
        | {
            "limit": measure.evaluation_limit,
            "predictions": str(outputs / f"predictions-{backend}-{name}.json"),
            "outputs": fp32["outputs"],
            "compare": True,
            "sqnr_images": measure.sqnr_images,
            "sqnr_outputs": measure.sqnr_outputs,
        },
        identity=identity,
    )
    if record["status"] != Status.OK:
        return Contender(reason=f"running it: {record['status']}: {record['reason']}")
    return _with_figures(arguments, experiment, record["value"])


def _with_figures(arguments: dict[str, Any], experiment: Experiment, evaluated: dict[str, Any]) -> Contender:
    metric = experiment.load(Stage.QUANTIZE)["task"]["metric"]
    return Contender(arguments, metric=evaluated["metrics"].get(metric), sqnr_db=evaluated.get("sqnr_db"))
