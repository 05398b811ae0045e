"""A list of boxes: one change for one move, whichever box moves."""

import pytest

from workbench.ui.choice import Choice


@pytest.fixture
def seen():
    return []


@pytest.fixture
def choice(seen):
    """Five values, all ticked; what was chosen after each change is in `seen`."""
    made = Choice("Letter", dict.fromkeys("abcde", ", said"), lambda: seen.append("".join(sorted(made.chosen))))
    return made


def test_choice_tells_once_when_a_box_is_cleared(choice, seen):
    choice.boxes["b"].value = False
    assert seen == ["acde"]


def test_choice_tells_once_when_all_are_cleared_and_ticked(choice, seen):
    every = choice.children[1]
    every.value = False
    every.value = True
    assert seen == ["", "abcde"]


def test_box_for_all_follows_when_single_boxes_move(choice, seen):
    every = choice.children[1]
    choice.boxes["b"].value = False
    assert not every.value
    choice.boxes["b"].value = True
    assert every.value
    assert seen == ["acde", "abcde"]


def test_choice_offers_no_box_for_all_when_there_are_few():
    assert len(Choice("Letter", {"a": "", "b": ""}, lambda: None).children) == 3


def test_boxes_say_what_they_are_of_when_read_alone(choice):
    assert choice.boxes["a"].tooltip == "Letter: a, said"
    assert choice.boxes["a"].description == "a"


def test_choice_starts_with_what_is_ticked_when_told():
    assert Choice("Letter", dict.fromkeys("abc", ""), lambda: None, ticked={"c"}).chosen == {"c"}
