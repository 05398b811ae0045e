"""What tasks say of a prediction to people, and how they read what people give."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.loader import load_task, task_spec

NAMES = "cat\ndog\nbird\n"


@pytest.fixture
def task(tmp_path):
    (tmp_path / "names.txt").write_text(NAMES)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\n")

    def load(name, **options):
        return load_task(task_spec(TaskSource(name=name, options=options), tmp_path))

    return load


def test_classes_are_told_by_name_when_there_are_names(task):
    assert task("classification", images="x", labels="names.txt").tell([2, 0]) == "bird, cat"
    assert task("classification", images="x").tell([2, 0]) == "2, 0"


def test_boxes_are_told_when_a_program_would_show_them(task):
    data = {"decoder": "yolov7", "evaluation": {"format": "yolo", "images": "images"}}
    rows = [[1, 0.9, 1.2, 2.0, 30.0, 40.6], [0, 0.1, 0, 0, 5, 5]]
    assert task("detection", **data, labels="names.txt").tell(rows) == "dog 0.90 at (1, 2, 30, 41)"
    assert task("detection", **data).tell(rows[1:]) == "nothing found"


def test_shares_are_told_when_an_image_was_segmented(task):
    told = task("segmentation", images="x", masks="y", labels="names.txt").tell(np.array([[2, 2], [2, 0]], np.uint8))
    assert told == "bird 75.0%, cat 25.0%"


def test_a_pair_is_read_when_there_is_a_tab(task):
    text = task("text", vocabulary="vocab.txt", data="x.tsv")
    assert text.read("red house") == "red house"
    assert text.read("red\tblue") == ("red", "blue")


def test_an_image_is_refused_when_there_is_none(task, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        task("classification", images="x").read(str(tmp_path / "none.png"))
