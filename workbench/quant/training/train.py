"""One training from beginning to end: what it starts from, and the Models it leaves."""

import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.models.model import Model
from workbench.quant.calibration import Calibration, calibrate
from workbench.quant.program import QuantizedProgram
from workbench.quant.training.learn import Assignment, learn
from workbench.quant.training.options import Plan
from workbench.quant.training.parallel import ALONE
from workbench.quant.training.processes import learn_together
from workbench.quant.training.prune import write_pruned
from workbench.quant.training.teacher import import_teacher
from workbench.quant.training.write import merge_ranges, write_float
from workbench.quant.write import Origin, write_int8
from workbench.tasks.loader import load_task
from workbench.worker import Channel


def train_model(channel: Channel, source: Model, plan: Plan, *, origin: Origin, task: dict[str, Any], checkpoint: Path, models: Path) -> dict[str, Any]:  # fmt: skip
    """Carry out a plan on a float Model; returns the digest of what was made, the seconds, and how the training went.

    `task` is a spec as `load_task` takes it. `checkpoint` holds a training of the same plan that was stopped, or nothing yet; it
    is removed at the end. Raises InputError for bad data or names, FloatingPointError when training diverges.
    """
    start = time.perf_counter()
    teacher = source if plan.distill else None
    if plan.distill and plan.distill.teacher:
        teacher = import_teacher(channel, plan.distill.teacher, folder=Path(task["folder"]), models=models)
    with tempfile.TemporaryDirectory() as scratch:
        if plan.prune is not None:
            source = write_pruned(source, plan.prune, load_task(task), Path(scratch))
        before = _calibrated(channel, source, task, Path(scratch) / "before.npz") if plan.quantize else None
        assignment = Assignment(source, plan, task, before.absmax() if before else {}, teacher, checkpoint)
        learned = learn_together(channel, assignment) if plan.train.processes > 1 else learn(channel, assignment, ALONE)
        training = {"training": learned.trained.facts()}
        model = write_float(source, learned.weights, models, origin=origin, facts=training)
        if plan.quantize is not None:
            after = _calibrated(channel, model, task, Path(scratch) / "after.npz")
            scales = merge_ranges(after, learned.ranges, in_float=plan.quantize.skip_tensors)
            program = QuantizedProgram(model, plan.quantize.operators)
            model = write_int8(model, program, scales, models, origin=origin, facts=after.facts)
    checkpoint.unlink(missing_ok=True)
    return {"digest": model.digest, "seconds": time.perf_counter() - start} | training


def _calibrated(channel: Channel, model: Model, task: dict[str, Any], path: Path) -> Calibration:
    return calibrate(channel, model, task, path=path, batch_size=1, batches=None)
