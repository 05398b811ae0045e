"""Number sentences: the same each time, balanced, true to the numbers, none of evaluation's in training."""

from collections import Counter
from itertools import islice

import pytest

from workbench.tasks.digits_parts import Part
from workbench.tasks.digits_sentences import (
    SPECIAL,
    Answer,
    endless_pairs,
    is_held_out,
    part_pairs,
    spelled,
    vocabulary,
)
from workbench.tasks.digits_text import DigitsText, DigitsTextOptions

NUMBERS = {spelled(number): number for number in range(1000)}
COUNTING = {word for words in NUMBERS for word in words.split()}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (45, "forty five"),
        (100, "one hundred"),
        (305, "three hundred and five"),
        (999, "nine hundred and ninety nine"),
    ],
)
def test_spelled_gives_the_usual_words_when_given_a_number(number, words):
    assert spelled(number) == words


def test_spelled_differs_when_numbers_differ():
    assert len(NUMBERS) == 1000


def test_pairs_are_the_same_when_made_again_and_never_twice():
    assert part_pairs(Part.SEARCH, 50) == part_pairs(Part.SEARCH, 50)
    assert part_pairs(Part.SEARCH, 20) == part_pairs(Part.SEARCH, 50)[:20]
    assert len({*part_pairs(Part.SEARCH, 50)}) == 50


def test_evaluation_sentences_occur_nowhere_else_when_parts_are_made():
    evaluation = {sentence for pair in part_pairs(Part.EVALUATION, 300) for sentence in pair[:2]}
    assert all(map(is_held_out, evaluation))
    for part in set(Part) - {Part.EVALUATION}:
        others = {sentence for pair in islice(endless_pairs(part, 0), 300) for sentence in pair[:2]}
        assert not evaluation & others


def test_answers_are_balanced_when_there_are_many():
    counts = Counter(pair.answer for pair in part_pairs(Part.EVALUATION, 900))
    assert len(counts) == len(Answer)
    assert min(counts.values()) > 250


def number_in(sentence: str) -> int:
    """The number by reading the words, apart from the generator."""
    return NUMBERS[" ".join(word for word in sentence.split() if word in COUNTING)]


def test_answers_are_those_of_the_numbers_when_read_by_someone_else():
    for pair in part_pairs(Part.EVALUATION, 200):
        first, second = number_in(pair.first), number_in(pair.second)
        wanted = Answer.LESS if first < second else Answer.MORE if first > second else Answer.EQUAL
        assert list(Answer)[pair.answer] is wanted, pair


def test_vocabulary_has_every_word_when_sentences_are_tokenised():
    tokens = vocabulary()
    assert tokens[:4] == list(SPECIAL)
    assert len({*tokens}) == len(tokens)
    pairs = part_pairs(Part.EVALUATION, 300)
    assert {word for pair in pairs for word in f"{pair.first} {pair.second}".split()} <= {*tokens}


def test_no_sentence_is_cut_when_the_longest_are_tokenised(tmp_path):
    task = DigitsText(DigitsTextOptions(), tmp_path)
    longest = spelled(999)
    pair = (f"there are {longest} apples with anna", f"there are {longest} coins with ben")
    inputs, _ = task.preprocess(pair)
    assert (inputs["input_ids"] != 0).sum() == sum(len(sentence.split()) for sentence in pair) + 3
