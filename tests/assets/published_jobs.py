"""What others publish, made by their tools: quantized models in both of PaddleSlim's formats, as ONNX, and in Paddle's old layout."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from workbench.models.model import Model
from workbench.tasks.loader import load_task
from workbench.worker import Channel

FILES = ("model.pdmodel", "model.pdiparams")


def publish(channel: Channel, *, model: str, task: dict[str, Any], folder: str) -> None:
    """Make `new`, `old`, `static.onnx`, `old_layout` and `old_layout_one_file` of a float Model."""
    from workbench.compatibility import import_paddle, import_paddleslim_quant

    paddle, quant = import_paddle(), import_paddleslim_quant()
    paddle.enable_static()
    target = Path(folder)
    loaded = load_task(task)
    batches = [loaded.preprocess(sample.decode())[0] for sample in loaded.calibration()]
    for name, onnx_format in (("new", True), ("old", False)):
        with paddle.static.scope_guard(paddle.static.Scope()):
            quant.quant_post_static(
                executor=paddle.static.Executor(paddle.CPUPlace()), model_dir=model, quantize_model_path=str(target / name),
                data_loader=lambda: iter(batches), model_filename=FILES[0], params_filename=FILES[1], batch_nums=len(batches),
                scope=paddle.static.global_scope(), algo="avg", onnx_format=onnx_format,
                save_model_filename=FILES[0], save_params_filename=FILES[1],
            )  # fmt: skip
    _old_layouts(paddle, Path(model), target)
    _onnx(Path(model), target)


def _old_layouts(paddle: Any, source: Path, target: Path) -> None:
    executor = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, _, _ = paddle.static.load_inference_model(str(source / "model"), executor)
        paddle.static.io.save_vars(
            executor, str(target / "old_layout"), main_program=program,
            predicate=lambda variable: variable.persistable and variable.name not in ("feed", "fetch"),
        )  # fmt: skip
    shutil.copy(source / FILES[0], target / "old_layout" / "__model__")
    (target / "old_layout_one_file").mkdir()
    shutil.copy(source / FILES[0], target / "old_layout_one_file" / "__model__")
    shutil.copy(source / FILES[1], target / "old_layout_one_file" / "__params__")


def _onnx(source: Path, target: Path) -> None:
    from paddle2onnx import export

    for name, folder in (("float", source), ("static", target / "new")):
        export(*(str(folder / file) for file in FILES), save_file=str(target / f"{name}.onnx"), opset_version=17,
               deploy_backend="onnxruntime")  # fmt: skip


def outputs(channel: Channel, *, models: dict[str, str], task: dict[str, Any], folder: str) -> list[str]:
    """The outputs of Paddle models for the task's evaluation samples, one npy file each."""
    from workbench.compatibility import import_paddle

    import_paddle()
    loaded = load_task(task)
    for name, model in models.items():
        from workbench.backends.base import Settings
        from workbench.backends.registry import BACKENDS

        opened = Model.open(Path(model))
        precision = opened.manifest.precision
        with BACKENDS["paddle_inference"].open(opened, Settings(precision=precision)) as session:
            found = [session.run(loaded.preprocess(sample.decode())[0]) for sample in loaded.evaluation()]
        np.save(Path(folder) / f"{name}.npy", np.concatenate([next(iter(each.values())) for each in found]))
    return sorted(models)
