"""Section Global of FastDeploy's and ACT's configurations: where the FP32 model is."""

from pathlib import Path
from typing import Any

from workbench.compress.account import Account, ConfigPath
from workbench.compress.reading import Flags, Source, source_of
from workbench.errors import InputError

FOLDER, MODEL, PARAMS, FORMAT = (
    f"Global.{key}" for key in ("model_dir", "model_filename", "params_filename", "format")
)


def model_of(account: Account, flags: Flags, *, trained: bool) -> Source:
    """The model that the section or the flag names. `trained` models are written under the stem of `model_filename`."""
    account.choice(FORMAT, {"paddle": "paddle", "onnx": "onnx"}, "how to import the model")
    if flags.model is not None and flags.model.suffix == ".onnx":
        account.skip(FOLDER, "--model is given")
        account.skip(FORMAT, "--model is given")
        return _onnx(account, flags.model, [], trained=trained)
    if flags.model is not None and not (flags.model / str(account.peek(MODEL) or "")).is_file():
        for key in (FOLDER, MODEL, PARAMS, FORMAT):
            account.skip(key, "--model is given")
        return source_of(flags.model)
    if flags.model is not None:
        account.skip(FOLDER, "--model is given")
        folder, paths = flags.model, []
    else:
        named = account.path(FOLDER, "model.path", flag="--model")
        if named is None:
            raise InputError("the configuration has no `Global.model_dir`; name the model with --model")
        folder, paths = named.path, [named]
    if folder.suffix == ".onnx":
        return _onnx(account, folder, paths, trained=trained)
    return _paddle(account, folder, paths)


def _onnx(account: Account, file: Path, paths: list[ConfigPath], *, trained: bool) -> Source:
    stem = Path(str(account.peek(MODEL) or file.name)).stem
    if trained:
        account.use(MODEL, "name of the file that is written")
    else:
        account.skip(MODEL, "an ONNX model is one file; --method PTQ writes model.pdmodel")
    account.skip(PARAMS, "an ONNX model is one file; the weights are written under the model's stem")
    return Source({"path": str(file), "name": file.stem}, tuple(paths), stem)


def _paddle(account: Account, folder: Path, paths: list[ConfigPath]) -> Source:
    model: dict[str, Any] = {"path": str(folder), "name": folder.stem if folder.is_file() else folder.name}
    stem = folder.stem
    for key, field in ((MODEL, "path"), (PARAMS, "params")):
        if name := account.use(key, f"model.{field}"):
            file = folder / str(name)
            model[field] = str(file)
            paths = [*paths, ConfigPath(account.source(key), key, str(name), file, "--model")]
            stem = file.stem if field == "path" else stem
    return Source(model, tuple(paths), stem)
