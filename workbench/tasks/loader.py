"""Finding a task by name, or in a user's own python file, and checking its data."""

import hashlib
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.experiment import TaskSource, validate
from workbench.files import content_hash, file_digest
from workbench.tasks.base import Sample, Task, TaskOptions

MAY_SHARE = ("calibration", "training")
TASKS = {
    "classification": "workbench.tasks.classification:Classification",
    "detection": "workbench.tasks.detection.from_data:Detection",
    "digits_classification": "workbench.tasks.digits:DigitsClassification",
    "digits_detection": "workbench.tasks.digits_detection:DigitsDetection",
    "digits_segmentation": "workbench.tasks.digits_segmentation:DigitsSegmentation",
    "digits_text": "workbench.tasks.digits_text:DigitsText",
    "images": "workbench.tasks.image_folder:ImageFolder",
    "segmentation": "workbench.tasks.segmentation.masked_images:MaskedImages",
    "synthetic": "workbench.tasks.synthetic:Synthetic",
    "text": "workbench.tasks.text.sentences:Sentences",
}


def task_spec(source: TaskSource, folder: Path, *, deploy_file: Path | None = None) -> dict[str, Any]:
    """What a worker needs to load the task: JSON only. `folder` is the recipe's.

    `deploy_file` is the one that travels with the model, for a task that takes one and whose options name none.
    """
    found = str(deploy_file) if deploy_file is not None else None
    return {"source": source.model_dump(mode="json"), "folder": str(folder), "deploy_file": found}


def task_digest(source: TaskSource) -> str:
    """Names the task's code (its file) and options, so that results of another version of them are not reused."""
    code = source.file.read_bytes() if source.file is not None and source.file.is_file() else b""
    return hashlib.sha256(code + source.model_dump_json(exclude={"file"}).encode()).hexdigest()[:16]


def task_options(name: str) -> type[TaskOptions]:
    """The options of a task of the package."""
    return _by_name(name).Options


def load_task(spec: dict[str, Any], left_to_task: Mapping[str, Any] | None = None) -> Task:
    """The task of a spec made by `task_spec`; raises InputError when it is not there or its options are wrong.

    `left_to_task` is that of the Model's manifest, where outputs are to be post-processed.
    """
    source = TaskSource.model_validate(spec["source"])
    kind = _from_file(source.file) if source.file is not None else _by_name(str(source.name))
    options = validate(kind.Options, source.options, where=f"task {source.label}, options")
    if spec.get("deploy_file") and getattr(options, "deploy_file", "") is None:
        options = options.model_copy(update={"deploy_file": Path(spec["deploy_file"])})
    task = kind(options, Path(spec["folder"]))
    if left_to_task:
        task.left_to_task = left_to_task
    return task


def _by_name(name: str) -> type[Task]:
    if name not in TASKS:
        raise InputError(
            f"task {name!r}: not known; tasks are: {', '.join(sorted(TASKS))}; or give a python file as `file`"
        )
    module, _, attribute = TASKS[name].partition(":")
    found: type[Task] = getattr(importlib.import_module(module), attribute)
    return found


def _from_file(path: Path) -> type[Task]:
    if not path.is_file():
        raise InputError(f"task file {path}: no such file; the path is relative to the recipe")
    spec = importlib.util.spec_from_file_location(f"workbench_user_task_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"task file {path}: not a python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    # The file may import modules that lie beside it.
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"task file {path}: {type(error).__name__} while loading it: {error}") from error
    kinds = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Task) and kind.__module__ == spec.name
    ]
    if len(kinds) != 1:
        raise InputError(
            f"task file {path}: {len(kinds)} subclasses of workbench.tasks.Task in it; there must be exactly one"
        )
    if lacking := sorted({*kinds[0].__abstractmethods__, *({"primary_metric"} - set(dir(kinds[0])))}):
        raise InputError(f"task file {path}: {kinds[0].__name__} lacks {', '.join(lacking)}, which every Task has")
    return kinds[0]


def check_task_job(channel: Any, *, task: dict[str, Any]) -> dict[str, Any]:
    """Worker job: load the task and check that its data is there and that no sample is in two of its sets.

    Returns the sizes of the sets, the metric, and `task_digest`, which names code, options and data.
    """
    loaded = load_task(task)
    sets = {
        "calibration": loaded.calibration(),
        "evaluation": loaded.evaluation(),
        "search": loaded.search(),
        "training": loaded.training(),
    }
    # Without a metric there is nothing to evaluate: such a task may have too few images for more than calibration.
    for name in ("calibration", *(["evaluation"] if loaded.primary_metric else [])):
        if len(sets[name]) == 0:
            raise InputError(
                f"task {task['source']['name'] or task['source']['file']}: its {name} set is empty; give it data"
            )
    digests = {name: [sample.digest for sample in samples] for name, samples in sets.items()}
    for first, second in set(combinations(sets, 2)) - {MAY_SHARE}:
        if both := set(digests[first]) & set(digests[second]):
            key = next(s.key for s, digest in zip(sets[first], digests[first], strict=True) if digest in both)
            raise InputError(
                f"task: {len(both)} samples are in both {first} and {second}, such as {key!r}; keep them apart"
            )
    files = [_digest(file) for file in loaded.files()]
    return {name: len(samples) for name, samples in sets.items()} | {
        "task_digest": content_hash(
            [
                task_digest(TaskSource.model_validate(task["source"])),
                list(digests.values()),
                [_plain_truths(samples) for samples in sets.values()],
                files,
            ]
        ),
        "metric": loaded.primary_metric,
        "higher_is_better": loaded.higher_is_better,
        "nms": loaded.nms,
    }


def _plain_truths(samples: Sequence[Sample]) -> str:
    """The truths as text; empty for those that json cannot hold, whose files the task names."""
    try:
        return json.dumps([sample.truth for sample in samples])
    except TypeError:
        return ""


def _digest(file: Path) -> str:
    if not file.is_file():
        raise InputError(f"task file {file}: no such file; the path is relative to the recipe")
    return file_digest(file)
