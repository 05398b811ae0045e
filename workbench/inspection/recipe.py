"""The recipe to start from: of a model file whose use is guessed, or of a zoo model, of which more is known."""

import os
import re
import tempfile
from pathlib import Path

from workbench.errors import InputError, WorkbenchError
from workbench.experiment import Recipe, validate
from workbench.inspection.description import Description
from workbench.inspection.families import propose
from workbench.inspection.notes import FILL_IN, Entries, Entry, Proposal, as_yaml, fact, fill_in, plain
from workbench.inspection.zoo_proposal import propose_from_zoo
from workbench.launch import run_job
from workbench.models.importers import find_paddle_files
from workbench.models.side_files import find_deploy_file
from workbench.models.zoo import read_zoo, zoo_entry
from workbench.records import Status
from workbench.tasks.deploy_files import read_deploy_file

PRECISIONS = {"precision": ["fp32", "int8"]}
BACKENDS = [{"backend": name} | PRECISIONS for name in ("paddle_inference", "onnxruntime", "openvino")]
STATIC = {"method": "static", "algo": "hist"}
TIMEOUT_S = 600


def starting_recipe(model: str, *, params: Path | None, folder: Path) -> str:
    """The text of a recipe for a model file or a zoo model; `folder` is where it is to lie.

    Guesses and what is to be filled in are marked as such. It passes the recipe checker. Raises InputError when there is no such
    model or it cannot be read.
    """
    entries, found = starting_point(model, params=params, folder=folder)
    return _text(model, entries, found)


def starting_point(model: str, *, params: Path | None, folder: Path) -> tuple[Entries, str]:
    """The same recipe before it is a text, and what was found out of the model; raises InputError."""
    path = Path(model).expanduser()
    if not path.exists() and not path.with_name(f"{path.name}.pdmodel").exists() and model in read_zoo().models:
        return _from_zoo(model), f"The zoo's {model}."
    path = path.resolve()
    described = describe(path, params)
    found = f"{described.format}; in: {_specs(described, 'inputs')}; out: {_specs(described, 'outputs')}."
    return _from_file(path, params, described, folder), f"The file: {found}"


def describe(path: Path, params: Path | None) -> Description:
    """What a model file says of itself, read in a worker; raises InputError when it cannot be read."""
    if path.suffix == ".onnx":
        if not path.is_file():
            raise InputError(f"model {path}: no such file")
    else:
        find_paddle_files(path, params)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = {"path": str(path), "params": str(params.resolve()) if params else None, "scratch": scratch}
        function, log = "workbench.inspection.description:describe_job", Path(scratch) / "describe.log"
        outcome = run_job(function, arguments, log=log, timeout_s=TIMEOUT_S)
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"model {path}: {outcome.status} while it was read: {outcome.reason}")
    return Description.model_validate(outcome.value)


def _from_file(path: Path, params: Path | None, described: Description, folder: Path) -> Entries:
    beside = path if path.is_dir() else path.parent
    deploy_file = find_deploy_file(beside)
    deployed = read_deploy_file(deploy_file) if deploy_file else None
    proposal = propose(described, path.name, deployed, _relative(deploy_file, folder) if deploy_file else "")
    own = {"path": Entry(_relative(path, folder))}
    if params is not None:
        own["params"] = Entry(_relative(params.resolve(), folder))
    if described.quantized:
        published = {"method": "published"} | plain(own)
        note = fact(published, "the file: it is quantized already, and is deployed as it is").note
        model = {"path": fill_in(f"{FILL_IN}/float_model", "the FP32 model that it was quantized from")}
        return _entries(path.stem, model, proposal, [Entry(published, note)])
    if proposal.input_shapes and path.suffix == ".onnx":
        own["input_shapes"] = proposal.input_shapes
    return _entries(path.stem, own, proposal, [STATIC])


def _from_zoo(name: str) -> Entries:
    entry = zoo_entry(name)
    published = Entry(
        {"method": "published"}, f"the published INT8 model: {entry.int8[0].file_name}, {entry.int8[0].strategy}"
    )
    return _entries(name, {"zoo": Entry(name)}, propose_from_zoo(entry), [published, STATIC])


def _entries(name: str, model: dict[str, Entry], proposal: Proposal, quantize: list[object]) -> Entries:
    fitting = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("._-") or "model"
    return {
        "schema_version": Entry(1),
        "name": Entry(fitting),
        "model": Entry(model),
        "task": Entry(proposal.part()),
        "quantize": Entry(quantize),
        "deploy": Entry(BACKENDS),
    }


def _text(model: str, entries: Entries, found: str) -> str:
    head = (
        f"# Written by `workbench inspect {model}`.\n# {found}\n"
        "# Lines marked `guess` may be wrong, those marked `fill in` need you. docs/reference.md tells what each key means.\n"
    )
    text = head + as_yaml(entries)
    recipe = {key: value for key, value in plain(entries).items()}
    recipe["quantize"] = [item.value if isinstance(item, Entry) else item for item in recipe["quantize"]]
    validate(Recipe, recipe, where=f"recipe for {model}")
    return text


def _specs(described: Description, role: str) -> str:
    return ", ".join(str(spec) for spec in getattr(described, role))


def _relative(path: Path, folder: Path) -> str:
    """As a recipe in `folder` names it: relative where it lies below, else absolute."""
    return os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)
