"""Finding tasks, the user's own above all, and checking their data."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks import Sample
from workbench.tasks.loader import TASKS, check_task_job, load_task, task_digest, task_spec

TASK = """
import numpy as np
from workbench.tasks import Sample, Task, TaskOptions

class Options(TaskOptions):
    size: int = 3
    shared: int = 0

class Mine(Task):
    Options = Options
    primary_metric = "score"
    higher_is_better = False

    def calibration(self):
        return [self.sample("c", i) for i in range(self.options.size)]

    def evaluation(self):
        return [self.sample("e" if i >= self.options.shared else "c", i) for i in range(2 * self.options.size)]

    def sample(self, part, index):
        return Sample.from_array(f"{part}{index}", np.array([ord(part), index]), truth=0, decode=lambda array: array)

    def preprocess(self, image):
        return {"x": image}, None

    def postprocess(self, outputs, meta):
        return 0

    def metric(self, predictions, truths):
        return {"score": 0.0}
"""
ABSTRACT = """
from workbench.tasks import Task

class Mine(Task):
    def calibration(self): return []
    def evaluation(self): return []
    def preprocess(self, image): return {}, None
"""


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(TASK)
    return file


def spec(file: Path, **options: Any) -> dict[str, Any]:
    return task_spec(TaskSource(file=file, options=options), file.parent)


def test_load_task_finds_the_class_when_it_is_in_a_users_file(task_file):
    task = load_task(spec(task_file, size=5))
    assert type(task).__name__ == "Mine"
    assert (task.options.size, task.folder, len(task.calibration())) == (5, task_file.parent, 5)


def test_load_task_reads_the_file_anew_when_it_changed(task_file):
    load_task(spec(task_file))
    task_file.write_text(TASK.replace('"score"', '"points"'))
    assert load_task(spec(task_file)).primary_metric == "points"


def test_load_task_keeps_to_the_file_when_helpers_stand_beside_the_class(task_file):
    task_file.write_text(TASK + "\nfrom workbench.tasks.digits import DigitsClassification\nclass Helper: pass\n")
    assert type(load_task(spec(task_file))).__name__ == "Mine"


@pytest.mark.parametrize("name", sorted(TASKS))
def test_load_task_finds_each_task_of_the_package_when_named(name):
    required = {
        "classification": {"images": "photos"},
        "images": {"calibration_folder": "images", "preprocess": "yolo"},
        "segmentation": {"images": "photos", "masks": "masks"},
        "synthetic": {"architecture": "resnet50"},
        "text": {"vocabulary": "vocab.txt", "data": "dev.tsv"},
        "detection": {"decoder": "yolov5", "evaluation": {"format": "yolo", "images": "images"}},
    }
    task = load_task(task_spec(TaskSource(name=name, options=required.get(name, {})), Path()))
    assert TASKS[name].endswith(f":{type(task).__name__}")


def test_load_task_lists_the_tasks_when_the_name_is_unknown():
    with pytest.raises(InputError, match=r"^task 'digits': not known; tasks are: .*digits_classification.*as `file`$"):
        load_task(task_spec(TaskSource(name="digits"), Path()))


def test_load_task_names_the_option_when_it_is_unknown(task_file):
    with pytest.raises(InputError, match=r"^task mine, options: unknown key `sizes`; known keys here: size, shared$"):
        load_task(spec(task_file, sizes=3))


def test_load_task_names_the_option_when_its_value_is_wrong(task_file):
    with pytest.raises(InputError, match=r"^task mine, options: `size` = 'big': input should be a valid integer"):
        load_task(spec(task_file, size="big"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class Mine:\n  pass", "0 subclasses of workbench.tasks.Task in it; there must be exactly one"),
        ("from workbench.tasks import Task", "0 subclasses of"),
        (TASK + "\nclass Other(Mine): pass\n", "2 subclasses of"),
        ("import no_such_package", "ModuleNotFoundError while loading it: No module named 'no_such_package'"),
        ("class Mine(:", "SyntaxError while loading it"),
        ("1 / 0", "ZeroDivisionError while loading it: division by zero"),
        (ABSTRACT, "Mine lacks metric, postprocess, primary_metric"),
        (TASK.replace("primary_metric", "main_metric"), "Mine lacks primary_metric"),
    ],
)
def test_load_task_names_the_file_when_it_cannot_be_used(task_file, text, message):
    task_file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_task(spec(task_file))
    assert str(caught.value).startswith(f"task file {task_file}: ")
    assert message in str(caught.value)


def test_load_task_names_the_file_when_there_is_none(tmp_path):
    with pytest.raises(InputError, match=r"task file .*none\.py: no such file; the path is relative to the recipe"):
        load_task(spec(tmp_path / "none.py"))


def test_task_digest_differs_when_code_or_options_do(task_file, tmp_path):
    first = task_digest(TaskSource(file=task_file))
    assert task_digest(TaskSource(file=task_file)) == first
    assert task_digest(TaskSource(file=task_file, options={"size": 4})) != first
    moved = tmp_path / "elsewhere.py"
    moved.write_text(TASK)
    assert task_digest(TaskSource(file=moved)) == first
    task_file.write_text(TASK + "\n# changed\n")
    assert task_digest(TaskSource(file=task_file)) != first


def test_check_task_tells_the_sizes_when_the_data_is_good(task_file):
    found = check_task_job(None, task=spec(task_file))
    assert len(found.pop("task_digest")) == 16
    assert found == {
        "calibration": 3,
        "evaluation": 6,
        "search": 0,
        "training": 0,
        "metric": "score",
        "higher_is_better": False,
        "nms": "",
    }


def test_check_task_names_a_sample_when_it_is_in_both_sets(task_file):
    with pytest.raises(InputError, match=r"task: 2 samples are in both calibration and evaluation, such as 'c0'"):
        check_task_job(None, task=spec(task_file, shared=2))


@pytest.mark.parametrize(("first", "other"), [("c", "calibration"), ("e", "evaluation")])
def test_check_task_names_a_sample_when_the_search_has_it_too(task_file, first, other):
    method = f"    def search(self):\n        return [self.sample('{first}', 1), self.sample('s', 1)]\n\n"
    task_file.write_text(TASK.replace("    def sample(", method + "    def sample("))
    with pytest.raises(InputError, match=rf"task: 1 samples are in both {other} and search, such as '{first}1'"):
        check_task_job(None, task=spec(task_file))


@pytest.mark.parametrize("part", ["calibration", "evaluation"])
def test_check_task_names_the_set_when_it_is_empty(task_file, part):
    task_file.write_text(TASK.replace(f"def {part}(self):", f"def {part}(self):\n        return []"))
    with pytest.raises(InputError, match=rf"mine\.py: its {part} set is empty; give it data"):
        check_task_job(None, task=spec(task_file))


def test_sample_digest_tells_content_when_it_comes_from_file_or_array(tmp_path):
    for name, data in (("a", b"same"), ("b", b"same"), ("c", b"other")):
        (tmp_path / name).write_bytes(data)
    a, b, c = (Sample.from_file(tmp_path / name, truth=1, decode=Path.read_bytes) for name in "abc")
    assert a.digest == b.digest != c.digest
    assert (a.key, a.decode()) == ("a", b"same")
    array = np.arange(6).reshape(2, 3)
    turned = Sample.from_array("t", np.ascontiguousarray(array.T).T, truth=0, decode=np.sum)
    assert turned.digest == Sample.from_array("u", array, truth=1, decode=np.sum).digest
    assert turned.decode() == 15


def test_sample_is_not_decoded_when_only_listed(task_file):
    code = TASK.replace("decode=lambda array: array", "decode=lambda array: 1 / 0")
    task_file.write_text(code)
    assert check_task_job(None, task=spec(task_file))["calibration"] == 3


def test_load_task_finds_modules_beside_the_file_when_it_imports_them(task_file, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (task_file.parent / "beside_the_task.py").write_text("VALUE = 3\n")
    task_file.write_text("import beside_the_task\n" + TASK)
    assert check_task_job(None, task=spec(task_file))["calibration"] == 3


def test_task_digest_differs_when_the_data_does(task_file):
    number = task_file.parent / "number.txt"
    number.write_text("1")
    read = "int((__import__('pathlib').Path(__file__).parent / 'number.txt').read_text())"
    task_file.write_text(TASK.replace("[ord(part), index]", f"[ord(part), index, {read}]"))
    first = check_task_job(None, task=spec(task_file))["task_digest"]
    assert check_task_job(None, task=spec(task_file))["task_digest"] == first
    number.write_text("2")
    assert check_task_job(None, task=spec(task_file))["task_digest"] != first


def test_task_digest_differs_when_a_file_of_the_task_does(task_file):
    labels = task_file.parent / "labels.txt"
    method = "    def files(self):\n        return [self.folder / 'labels.txt']\n\n"
    task_file.write_text(TASK.replace("    def sample(", method + "    def sample("))
    with pytest.raises(InputError, match=r"task file .*labels\.txt: no such file; the path is relative to the recipe"):
        check_task_job(None, task=spec(task_file))
    labels.write_text("one")
    first = check_task_job(None, task=spec(task_file))["task_digest"]
    assert check_task_job(None, task=spec(task_file))["task_digest"] == first
    labels.write_text("two")
    assert check_task_job(None, task=spec(task_file))["task_digest"] != first


def test_load_task_reads_the_models_deploy_file_when_the_options_name_none(tmp_path):
    for name, side in (("models", 8), ("mine", 12)):
        (tmp_path / f"{name}.yaml").write_text(f"PreProcess: {{transform_ops: [{{ResizeImage: {{size: {side}}}}}]}}")

    def side_of(**options: Any) -> Any:
        source = TaskSource(name="classification", options={"images": "photos"} | options)
        task = load_task(task_spec(source, tmp_path, deploy_file=tmp_path / "models.yaml"))
        return task.preprocess(np.zeros((5, 5, 3), np.uint8))[0]["inputs"].shape[-1]

    assert side_of() == 8
    assert side_of(deploy_file="mine.yaml") == 12
    assert side_of(preparation={}) == 5


def test_load_task_leaves_a_task_alone_when_it_takes_no_deploy_file(task_file):
    assert (
        load_task(task_spec(TaskSource(file=task_file), task_file.parent, deploy_file=Path("x.yaml"))).options.size == 3
    )


def test_task_digest_differs_when_a_truth_does(task_file):
    first = check_task_job(None, task=spec(task_file))["task_digest"]
    truth = task_file.parent / "truth.txt"
    truth.write_text("0")
    read = "truth=int((self.folder / 'truth.txt').read_text())"
    task_file.write_text(TASK.replace("truth=0", read))
    second = check_task_job(None, task=spec(task_file))["task_digest"]
    truth.write_text("1")
    assert len({first, second, check_task_job(None, task=spec(task_file))["task_digest"]}) == 3
