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
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    target = Path(folder)
    loaded = load_task(task)
    batches = [loaded.preprocess(sample.decode())[0] for sample in loaded.calibration()]
    for name, onnx_format in (("new", True), ("old", False)):
        _quantize(Path(model), target / name, batches, onnx_format=onnx_format)
    _old_layouts(paddle, Path(model), target)
    _onnx(Path(model), target)


def publish_detector(channel: Channel, *, folder: str) -> dict[str, Any]:
    """The manifests of a detector off which suppression was cut, and of the INT8 form that was published with it."""
    import paddle
    from nms_nets import SIZE, PaddleDetector

    from workbench.models.importers import import_job
    from workbench.quant.published import publish_job

    inputs = {"image": [1, 3, SIZE, SIZE], "scale_factor": [1, 2]}
    random = np.random.default_rng(0)
    batches = [{name: random.random(shape, np.float32) + 0.5 for name, shape in inputs.items()} for _ in range(4)]
    network, target = PaddleDetector(), Path(folder)
    network.eval()
    specs = [paddle.static.InputSpec(shape, "float32", name) for name, shape in inputs.items()]
    paddle.jit.save(network, str(target / "float" / "model"), input_spec=specs)
    paddle.enable_static()
    _quantize(target / "float", target / "quantized", batches, onnx_format=True)
    source = {"path": str(target / "float"), "strip_nms": True}
    digest = import_job(channel, source=source, models=folder)["digest"]
    made = publish_job(
        channel, model=str(target / digest), task={}, method="published", options={"path": str(target / "quantized")},
        variant="", kept="", models=folder,
    )  # fmt: skip
    return {
        name: Model.open(target / key).manifest.model_dump(mode="json")
        for name, key in (("float", digest), ("int8", made["digest"]))
    }


def _quantize(source: Path, target: Path, batches: list[dict[str, Any]], *, onnx_format: bool) -> None:
    from workbench.compatibility import import_paddle, import_paddleslim_quant

    paddle, quant = import_paddle(), import_paddleslim_quant()
    with paddle.static.scope_guard(paddle.static.Scope()):
        quant.quant_post_static(
            executor=paddle.static.Executor(paddle.CPUPlace()), model_dir=str(source), quantize_model_path=str(target),
            data_loader=lambda: iter(batches), model_filename=FILES[0], params_filename=FILES[1], batch_nums=len(batches),
            scope=paddle.static.global_scope(), algo="avg", onnx_format=onnx_format,
            save_model_filename=FILES[0], save_params_filename=FILES[1],
        )  # fmt: skip


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


def add_saving(channel: Channel, *, model: str, target: str, marker: str) -> None:
    """A copy of a Paddle model that writes a file whenever it runs."""
    from workbench.compatibility import import_paddle

    paddle = import_paddle()
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    program, _, fetches = paddle.static.load_inference_model(f"{model}/model", executor)
    program.global_block().append_op(type="save", inputs={"X": [fetches[0]]}, outputs={}, attrs={"file_path": marker})
    shutil.copytree(model, target)
    Path(target, FILES[0]).write_bytes(program.desc.serialize_to_string())
