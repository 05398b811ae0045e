"""How good a network is at this moment, as it would be deployed, by the task's metric on its search set."""

import tempfile
from pathlib import Path
from typing import Any

from workbench.compatibility import import_paddle
from workbench.errors import InputError
from workbench.models.model import Model, matching_inputs
from workbench.models.scales import ActivationRange, Scales
from workbench.quant.program import QuantizedProgram
from workbench.quant.training.options import FakeQuantization
from workbench.quant.training.student import Student
from workbench.quant.training.write import save_weights
from workbench.tasks.base import Task


def judge_student(student: Student, source: Model, task: Task, quantize: FakeQuantization | None) -> float:
    """The task's primary metric, rounding included where the student rounds. Raises InputError without a search set."""
    if not task.search():
        raise InputError(
            "train.evaluate_iterations: the task's search set is empty; give it samples, or leave the key out"
        )
    with tempfile.TemporaryDirectory() as scratch:
        prefix = _written(student, source, quantize, Path(scratch))
        paddle = import_paddle()
        executor, scope = paddle.static.Executor(paddle.CPUPlace()), paddle.static.Scope()
        with paddle.static.scope_guard(scope):
            program, feeds, fetches = paddle.static.load_inference_model(str(prefix), executor)
            return judge_program(executor, program, feeds, fetches, source=source, task=task)


def judge_program(executor: Any, program: Any, feeds: list[str], fetches: list[Any], *, source: Model, task: Task) -> float:  # fmt: skip
    """The task's primary metric, on its search set, of a program in the current scope with the source's inputs and outputs."""
    samples, predictions = task.search(), []
    for sample in samples:
        inputs, meta = task.preprocess(sample.decode())
        values = matching_inputs(source.manifest.inputs, inputs)
        found = executor.run(program, feed=dict(zip(feeds, values, strict=True)), fetch_list=fetches)
        names = (spec.name for spec in source.manifest.outputs)
        predictions.append(task.to_json(task.postprocess(dict(zip(names, found, strict=True)), meta)))
    return task.metric(predictions, [sample.truth for sample in samples])[task.primary_metric]


def _written(student: Student, source: Model, quantize: FakeQuantization | None, folder: Path) -> Path:
    save_weights(source, student.weights(), folder)
    if quantize is None:
        return folder / "model"
    ranges = {
        name: ActivationRange(minimum=-absmax, maximum=absmax, absmax=absmax)
        for name, absmax in student.ranges().items()
    }
    (folder / "int8").mkdir()
    QuantizedProgram(Model(folder, source.manifest), quantize.operators).write(
        Scales(activations=ranges), folder / "int8", in_float=frozenset(quantize.skip_tensors)
    )
    return folder / "int8" / "model"
