"""A user's sentences from tsv and jsonl files."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.loader import check_task_job, load_task, task_spec
from workbench.tasks.text.sentences import Sentences

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    lines = [
        "label\ttext_a\ttext_b",
        *(f'{n % 2}\tgood {n} "quoted\tbad {n}' for n in range(8)),
        "",
        '1\tgood 0 "quoted\tbad 0',
    ]
    (tmp_path / "dev.tsv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def source(**options: Any) -> TaskSource:
    given = {"vocabulary": "vocab.txt", "data": "dev.tsv", "calibration_samples": 2, "max_length": 4} | options
    return TaskSource(name="text", options=given)


def make(folder: Path, **options: Any) -> Sentences:
    return load_task(task_spec(source(**options), folder))


def contents(samples: Any) -> dict[Any, int]:
    return {sample.decode(): sample.truth for sample in samples}


def test_tsv_gives_sentences_when_its_columns_are_named(folder):
    task = make(folder)
    found = contents([*task.calibration(), *task.evaluation()])
    assert found == {f'good {n} "quoted': n % 2 for n in range(8)}
    assert task.calibration()[0].key.startswith("dev.tsv line ")


def test_tsv_gives_pairs_when_a_second_column_is_named(folder):
    task = make(folder, pair="text_b")
    found = contents([*task.calibration(), *task.evaluation()])
    assert found == {(f'good {n} "quoted', f"bad {n}"): n % 2 for n in range(8)}


def test_tsv_columns_are_numbered_when_they_have_no_names(folder):
    (folder / "plain.tsv").write_text("good\tyes\r\nbad\tno\r\nbad bad\tno\r\n")
    task = make(folder, data="plain.tsv", text="0", label="1", classes=["no", "yes"])
    assert contents([*task.calibration(), *task.evaluation()]) == {"good": 1, "bad": 0, "bad bad": 0}


def test_jsonl_gives_pairs_when_its_keys_are_named(folder):
    rows = [{"sentence1": f"a{n}", "sentence2": "b", "label": str(n % 3), "id": n} for n in range(5)]
    (folder / "dev.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = make(folder, data="dev.jsonl", text="sentence1", pair="sentence2")
    assert contents([*task.calibration(), *task.evaluation()]) == {(f"a{n}", "b"): n % 3 for n in range(5)}


def test_training_data_leaves_out_what_is_evaluated_when_given(folder):
    lines = ["label\ttext_a", '0\tgood 3 "quoted', *(f"1\tbad {n}" for n in range(4))]
    (folder / "train.tsv").write_text("\n".join(lines))
    task = make(folder, training_data="train.tsv", search_samples=1)
    assert set(contents([*task.training(), *task.search()])) == {f"bad {n}" for n in range(4)}
    assert len(task.evaluation()) == 8
    found = check_task_job(None, task=task_spec(source(training_data="train.tsv", search_samples=1), folder))
    assert [found[name] for name in ("calibration", "search", "training", "evaluation")] == [2, 1, 3, 8]


def test_sentence_becomes_inputs_when_prepared(folder):
    task = make(folder)
    assert task.preprocess("good bad")[0]["input_ids"].tolist() == [[2, 4, 5, 3]]


def test_digest_differs_when_a_class_or_the_vocabulary_does(folder):
    def digest() -> str:
        return str(check_task_job(None, task=task_spec(source(), folder))["task_digest"])

    first = digest()
    assert digest() == first
    text = (folder / "dev.tsv").read_text()
    (folder / "dev.tsv").write_text(text.replace("0\tgood", "1\tgood", 1))
    second = digest()
    (folder / "vocab.txt").write_text("\n".join([*VOCABULARY, "more"]))
    assert len({first, second, digest()}) == 3


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        ("a.tsv", "label\ttext\n1\ta", {}, r"line 2: no 'text_a', but label, text; name those in `text`"),
        ("a.tsv", "label\ttext_a\n1\ta\tb", {}, "line 2: 3 columns, and 2 names"),
        ("a.tsv", "label\ttext_a\nyes\ta", {}, "line 2: class 'yes' is not known; name all of them"),
        ("a.tsv", "label\ttext_a\n2\ta", {"classes": ["no", "yes"]}, "line 2: class '2' is not known"),
        ("a.tsv", "label\ttext_a\n\n", {}, "no sample in it"),
        ("a.tsv", "", {}, "no sample in it"),
        ("a.tsv", "a\tb", {"text": "0", "label": "2"}, "line 1: no '2', but 0, 1"),
        ("a.jsonl", "{", {}, "line 1: not valid JSON"),
        ("a.jsonl", "[1]", {}, "line 1: not an object"),
        ("a.csv", "", {}, r"its name ends in neither \.tsv nor \.jsonl"),
        ("a.tsv", None, {}, "no such file or directory"),
    ],
)
def test_data_is_named_with_its_line_when_it_is_wrong(folder, name, text, options, message):
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(InputError, match=rf"^data .*{name}: .*{message}"):
        make(folder, data=name, **options).evaluation()
