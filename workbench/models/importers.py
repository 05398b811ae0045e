"""Bringing a model in: a Paddle inference model, or an ONNX model through x2paddle, and its clean-up."""

import contextlib
import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.compatibility import convert_onnx_to_paddle, import_paddle
from workbench.errors import InputError
from workbench.experiment import ModelSource
from workbench.machine import package_version
from workbench.models.architectures.build import build_architecture
from workbench.models.architectures.registry import code_files, find_architecture
from workbench.models.cleanup.clean_up import BATCH_NORMS_KEPT, REWRITES, CleanUp, clean_up
from workbench.models.cleanup.program_graph import stored_variables
from workbench.models.complexity import complexity
from workbench.models.model import Format, Manifest, Model, TensorSpec
from workbench.models.old_layout import PROGRAM, copy_old_model, old_files, parameters_file
from workbench.models.onnx_file import read_onnx
from workbench.models.sample import SAMPLES, build_sample, data_folder
from workbench.models.side_files import copy_side_files, side_files
from workbench.models.strip_nms import strip_nms
from workbench.worker import Channel

REACHING_OUT = frozenset({"save", "save_combine", "load", "load_combine", "read_file", "py_func", "py_layer", "print"})
"""Operators that do more than compute."""


@dataclass(frozen=True)
class PaddleFiles:
    """The two files of a Paddle inference model."""

    model: Path
    params: Path


def find_paddle_files(path: Path, params: Path | None = None) -> PaddleFiles:
    """The files of a Paddle inference model given as folder, `.pdmodel` file, `__model__` or stem; raises InputError.

    A `__model__` has its own file for each parameter, or one for all: `params` is then the program itself, or that file.
    """
    if path.name == PROGRAM or (path / PROGRAM).is_file():
        program = path / PROGRAM if path.is_dir() else path
        return PaddleFiles(program, params or parameters_file(program) or program)
    if path.is_dir():
        found = sorted(path.glob("*.pdmodel"))
        if len(found) != 1:
            raise InputError(f"model {path}: {len(found)} .pdmodel files in this folder; give the path of one")
        model = found[0]
    else:
        model = path if path.suffix == ".pdmodel" else path.with_name(path.name + ".pdmodel")
    if not model.is_file():
        raise InputError(
            f"model {path}: no such file or folder; give an .onnx file, a .pdmodel file, its stem or its folder"
        )
    params = params or model.with_suffix(".pdiparams")
    if not params.is_file():
        raise InputError(f"model {model}: its weights {params} are missing; put them there or name them with `params`")
    for file in (model, params):
        if file.stat().st_size == 0:
            raise InputError(f"model file {file}: empty; fetch or export it again")
    return PaddleFiles(model, params)


def source_files(source: ModelSource) -> list[Path]:
    """The files that a model source stands for, for hashing; raises InputError when they are missing."""
    if source.architecture is not None:
        return code_files()
    if source.path is None:
        return [data_folder() / SAMPLES[str(source.sample)].weights_file]
    if source.path.suffix == ".onnx":
        if not source.path.is_file():
            raise InputError(f"model {source.path}: no such file; the path is relative to the recipe")
        return [source.path]
    files = find_paddle_files(source.path, source.params)
    return old_files(files.model) if files.model.name == PROGRAM else [files.model, files.params]


def files_beside(source: ModelSource) -> list[Path]:
    """The files that lie beside a model of the user's and travel with it: its deploy file and names."""
    return [] if source.path is None else side_files(source_files(source)[0].parent)


def import_job(
    channel: Channel,
    *,
    source: dict[str, Any],
    models: str,
    keep_batch_norms: bool = False,
    strip_nms_if_there: bool = False,
) -> dict[str, Any]:
    """Worker job: import a model source below `models`; returns the FP32 Model's digest.

    `keep_batch_norms` is for a network that is to be trained: clean-up then folds all but them. `strip_nms_if_there` holds where the
    source does not say whether suppression is to be cut off.
    """
    given = ModelSource.model_validate(source)
    with Model.build(Path(models)) as draft, tempfile.TemporaryDirectory() as scratch:
        names: dict[str, str] = {}
        if given.sample is not None:
            build_sample(given.sample, draft.folder)
        elif given.architecture is not None:
            build_architecture(channel, find_architecture(given.architecture, given.input_shapes), draft.folder)
        elif given.path is not None and given.path.suffix == ".onnx":
            names = _convert_onnx(given, Path(scratch), folder=draft.folder)
        else:
            copy_paddle_files(find_paddle_files(Path(str(given.path)), given.params), draft.folder)
        copy_side_files(files_beside(given), draft.folder)
        prefix = draft.folder / "model"
        _check_weights(given, prefix)
        left = _strip_nms(given, prefix, if_there=strip_nms_if_there)
        rewrites = BATCH_NORMS_KEPT if keep_batch_norms else REWRITES
        cleaned = clean_up(prefix, rewrites=rewrites) if given.clean else None
        draft.manifest = _manifest(given, prefix, names=names, cleaned=cleaned).model_copy(
            update={"left_to_task": left}
        )
    assert draft.model is not None
    return {"digest": draft.model.digest}


def copy_paddle_files(files: PaddleFiles, folder: Path) -> None:
    """Put a Paddle inference model into `folder` as model.pdmodel and model.pdiparams."""
    if files.model.name == PROGRAM:
        copy_old_model(files.model, folder)
        return
    shutil.copyfile(files.model, folder / "model.pdmodel")
    shutil.copyfile(files.params, folder / "model.pdiparams")


def _strip_nms(source: ModelSource, prefix: Path, *, if_there: bool) -> dict[str, Any]:
    """What is left to the task. x2paddle writes suppression of ONNX models in ways of its own: it stays in."""
    is_onnx = source.path is not None and source.path.suffix == ".onnx"
    if is_onnx and source.strip_nms:
        raise InputError(
            f"model {source.path}: strip_nms works on Paddle models; leave it out, or give the Paddle model or an export without NMS"
        )
    if is_onnx or not (if_there if source.strip_nms is None else source.strip_nms):
        return {}
    return strip_nms(prefix, required=bool(source.strip_nms))


def _convert_onnx(source: ModelSource, scratch: Path, *, folder: Path) -> dict[str, str]:
    """Convert an ONNX file; returns ONNX input and output names -> their names in the Paddle program, in order."""
    assert source.path is not None
    graph = read_onnx(source.path).graph
    stored = {initializer.name for initializer in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in stored]
    if unknown := set(source.input_shapes) - set(inputs):
        raise InputError(
            f"model {source.path}: input_shapes names {sorted(unknown)[0]!r}; its inputs are: {', '.join(inputs)}"
        )
    try:
        made = convert_onnx_to_paddle(source.path, scratch, input_shapes=source.input_shapes)
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"model {source.path}: x2paddle cannot convert it ({reason}); export it with other operators, or to Paddle"
        ) from error
    shutil.copyfile(made.with_suffix(".pdmodel"), folder / "model.pdmodel")
    shutil.copyfile(made.with_suffix(".pdiparams"), folder / "model.pdiparams")
    return {name: "input" for name in inputs} | {value.name: "output" for value in graph.output}


def _manifest(source: ModelSource, prefix: Path, *, names: dict[str, str], cleaned: CleanUp | None) -> Manifest:
    """Describe what was imported. `names`: the source's own input and output names, if others."""
    program, feeds, fetches, _ = load_program(source, prefix)
    inputs = specs_of([program.global_block().var(name) for name in feeds])
    outputs = specs_of(fetches)
    renamed_inputs = [name for name, role in names.items() if role == "input"]
    renamed_outputs = [name for name, role in names.items() if role == "output"]
    tensor_map = (
        dict(zip(renamed_inputs + renamed_outputs, [spec.name for spec in inputs + outputs], strict=True))
        if names
        else {}
    )
    if names:
        inputs, outputs = _rename(inputs, renamed_inputs), _rename(outputs, renamed_outputs)
    return Manifest(
        name=source.label,
        format=Format.PADDLE,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        tensor_map=tensor_map,
        facts=complexity(program) | ({"clean_up": cleaned.facts()} if cleaned else {}),
        versions={name: package_version(name) or "" for name in ("paddlepaddle", "x2paddle")},
    )


@contextlib.contextmanager
def _readable(source: ModelSource) -> Any:
    try:
        yield
    except Exception as error:
        reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
        raise InputError(
            f"model {source.path or source.label}: Paddle cannot load it ({reason.strip()[:200]}); is the file whole, and do .pdmodel and .pdiparams belong together?"
        ) from error


def load_program(source: ModelSource, prefix: Path) -> tuple[Any, list[str], list[Any], Any]:
    """The program, the names of its inputs, its outputs, and the scope with its weights.

    Raises InputError when it cannot be read, or when running it would read or write files.
    """
    paddle = import_paddle()
    paddle.enable_static()
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope), _readable(source):
        program, feeds, fetches = paddle.static.load_inference_model(
            str(prefix), paddle.static.Executor(paddle.CPUPlace())
        )
    _refuse_reaching_out(source, program)
    return program, feeds, fetches, scope


def _refuse_reaching_out(source: ModelSource, program: Any) -> None:
    """A network from elsewhere may hold operators that touch the file system; none needs them to infer."""
    types = {op.type for index in range(program.num_blocks) for op in program.block(index).ops}
    if found := sorted(types & REACHING_OUT):
        raise InputError(
            f"model {source.path or source.label}: its operator {found[0]} reads or writes files, or calls back into Python; export it for inference"
        )


def _check_weights(source: ModelSource, prefix: Path) -> None:
    """Refuse the weights of another network: Paddle takes them in file order, whatever their shapes."""
    program, _, _, scope = load_program(source, prefix)
    for variable in stored_variables(program):
        loaded = scope.find_var(variable.name).get_tensor().shape()
        if math.prod(loaded) != math.prod(variable.shape):
            raise InputError(
                f"model {source.path or source.label}: {variable.name} is {list(variable.shape)} in the .pdmodel file and {loaded} in the .pdiparams file; give the two files of one model"
            )


def specs_of(variables: list[Any]) -> list[TensorSpec]:
    """Names, dtypes and shapes of a static program's variables."""
    from paddle.base.data_feeder import convert_dtype

    return [
        TensorSpec(name=v.name, dtype=convert_dtype(v.dtype), shape=tuple(int(axis) for axis in v.shape))
        for v in variables
    ]


def _rename(specs: list[TensorSpec], names: list[str]) -> list[TensorSpec]:
    return [spec.model_copy(update={"name": name}) for spec, name in zip(specs, names, strict=True)]
