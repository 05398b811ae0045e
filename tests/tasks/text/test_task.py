"""Tokens of a hand-made vocabulary, whose ids are known, and the text contract."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.tasks.text import TextTask

VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "un",
    "##able",
    "able",
    "hello",
    "wor",
    "##ld",
    "!",
    "中",
    "国",
    "Hello",
    "e",
    "é",
]
ID = {token: number for number, token in enumerate(VOCABULARY)}


class Fixed(TextTask):
    def calibration(self):
        return []

    def evaluation(self):
        return []


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY), encoding="utf-8")
    return tmp_path / "vocab.txt"


def make(vocabulary: Path, **options: Any) -> Fixed:
    given = {"vocabulary": vocabulary.name, "max_length": 8} | options
    return Fixed(Fixed.Options.model_validate(given), vocabulary.parent)


def ids(*tokens: str) -> list[list[int]]:
    return [[ID[token] for token in tokens]]


@pytest.mark.parametrize(
    ("text", "tokens", "types"),
    [
        ("Unable  world!", "[CLS] un ##able wor ##ld ! [SEP] [PAD]", [0] * 8),
        ("中国 xyz", "[CLS] 中 国 [UNK] [SEP] [PAD] [PAD] [PAD]", [0] * 8),
        (("hello", "wor able"), "[CLS] hello [SEP] wor able [SEP] [PAD] [PAD]", [0, 0, 0, 1, 1, 1, 0, 0]),
        (("hello", "hello hello hello hello hello"), "[CLS] hello [SEP] hello hello hello hello [SEP]", [0, 0, 0, 1, 1, 1, 1, 1]),
        ("É " * 9, "[CLS] e e e e e e [SEP]", [0] * 8),
        ("", "[CLS] [SEP] [PAD] [PAD] [PAD] [PAD] [PAD] [PAD]", [0] * 8),
    ],
)  # fmt: skip
def test_text_becomes_the_known_ids_when_tokenised(vocabulary, text, tokens, types):
    inputs, _ = make(vocabulary).preprocess(text)
    assert list(inputs) == ["input_ids", "token_type_ids"]
    assert inputs["input_ids"].tolist() == ids(*tokens.split())
    assert inputs["token_type_ids"].tolist() == [types]
    assert all((value.dtype, value.shape) == (np.int64, (1, 8)) for value in inputs.values())


def test_text_keeps_case_and_accents_when_the_model_is_cased(vocabulary):
    inputs, _ = make(vocabulary, lower_case=False, max_length=5).preprocess("Hello é hello")
    assert inputs["input_ids"].tolist() == ids("[CLS]", "Hello", "é", "hello", "[SEP]")


def test_text_inputs_have_the_models_names_when_given(vocabulary):
    names = {"input_ids": "src", "attention_mask": "mask", "position_ids": "pos"}
    inputs, _ = make(vocabulary, max_length=4, inputs=names).preprocess("hello")
    assert {name: value.tolist() for name, value in inputs.items()} == {
        "src": ids("[CLS]", "hello", "[SEP]", "[PAD]"),
        "mask": [[1, 1, 1, 0]],
        "pos": [[0, 1, 2, 3]],
    }


def test_vocabulary_may_have_ids_behind_tabs_and_foreign_line_ends_when_read(tmp_path):
    tokens = [*VOCABULARY, "a\u2028b", "last"]
    (tmp_path / "vocab.txt").write_bytes("".join(f"{t}\t{n}\r\n" for n, t in enumerate(tokens)).encode())
    inputs, _ = make(tmp_path / "vocab.txt", max_length=3).preprocess("last")
    assert inputs["input_ids"].tolist() == [[2, len(tokens) - 1, 3]]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file or directory"), (b"\xff\xfe", "not UTF-8 text"), (b"hello\n", r"\[UNK\] is not in it")],
)
def test_vocabulary_is_named_when_it_cannot_be_used(tmp_path, content, message):
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"vocabulary .*vocab\.txt: {message}"):
        make(tmp_path / "vocab.txt").preprocess("hello")


def test_prediction_is_the_likeliest_class_when_scores_are_given(vocabulary):
    scores = {"first": np.array([[0.0, 3.0, 1.0]]), "other": np.array([[9.0, 3.0]])}
    assert make(vocabulary).postprocess(scores, None) == 1
    assert make(vocabulary, output="other").postprocess(scores, None) == 0


def test_accuracy_is_the_share_of_right_classes_when_computed(vocabulary):
    assert make(vocabulary).metric([0, 1, 2, 0], [0, 1, 1, 0]) == {"accuracy": 75.0}
