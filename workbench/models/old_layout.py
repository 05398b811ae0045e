"""Paddle models of before version 2: a program called `__model__`, with one file a parameter or all in one."""

from pathlib import Path

from workbench.compatibility import import_paddle
from workbench.errors import InputError

PROGRAM = "__model__"
PARAMETERS = ("__params__", "params", "weights", "model.pdiparams")
"""What a file with all parameters is usually called."""


def parameters_file(program: Path) -> Path | None:
    """The file with all parameters beside a `__model__`; None when each parameter has its own."""
    return next((file for name in PARAMETERS if (file := program.with_name(name)).is_file()), None)


def old_files(program: Path) -> list[Path]:
    """All files of the model, for hashing."""
    return [program, *sorted(file for file in program.parent.iterdir() if file.is_file() and file != program)]


def copy_old_model(program: Path, folder: Path) -> None:
    """Write the model as `folder`/model.pdmodel and model.pdiparams, computing the same; raises InputError when it cannot be read."""
    paddle = import_paddle()
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    parameters = parameters_file(program)
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        try:
            network, feeds, fetches = paddle.static.load_inference_model(
                str(program.parent),
                executor,
                model_filename=PROGRAM,
                params_filename=parameters.name if parameters else None,
            )
        except Exception as error:
            reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            raise InputError(
                f"model {program}: Paddle cannot load it ({reason.strip()[:200]}); are all files of it there?"
            ) from error
        variables = [network.global_block().var(name) for name in feeds]
        # The extra attributes hold what quantization wrote beside the operators.
        paddle.static.save_inference_model(
            str(folder / "model"), variables, fetches, executor, program=network, clip_extra=False
        )
