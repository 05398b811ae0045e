"""Answers to exercises: open, right, or wrong with the words that say why."""

import numpy as np
import pytest

from workbench.lessons.exercises import Expected, State, check

STEP = Expected(
    0.0157,
    "256 levels lie 255 steps apart.",
    unit="of the value",
    mistakes={0.015625: "That is the range over 256."},
    tolerance=0.001,
)
METHOD = Expected("static", "There are images, but no labels.", choices=("dynamic", "static", "qat"))


def test_check_is_open_when_the_dots_still_stand():
    assert check(..., STEP).state is State.OPEN


@pytest.mark.parametrize("answer", [0.0157, np.float32(0.0157), 0.01571])
def test_check_accepts_a_number_when_it_is_near_enough(answer):
    checked = check(answer, STEP)
    assert repr(checked) == "Right: 0.0157 of the value. 256 levels lie 255 steps apart."


def test_check_names_the_mistake_when_it_is_a_known_one():
    assert repr(check(0.015625, STEP)) == (
        "Not yet: you gave 0.015625 of the value, expected is 0.0157 of the value. That is the range over 256. "
        "256 levels lie 255 steps apart."
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [("0.0157", "'0.0157', where a number"), (True, "True, where a number"), (None, "None, where a number"),
     (float("nan"), "nan, which no calculation"), (np.zeros(2), "array([0., 0.]), where a number")],
)  # fmt: skip
def test_check_says_what_was_given_when_it_is_no_number(answer, said):
    checked = check(answer, STEP)
    assert checked.state is State.WRONG
    assert said in checked.text
    assert "Expected is 0.0157 of the value. 256 levels" in checked.text


def test_check_compares_exactly_when_nothing_is_tolerated_or_expected_is_zero():
    assert check(64.0, Expected(64, "", tolerance=0)).state is State.RIGHT
    assert check(63, Expected(64, "", tolerance=0)).state is State.WRONG
    assert check(0.001, Expected(0, "")).state is State.WRONG


def test_check_takes_a_choice_in_any_case_and_names_the_choices_when_it_is_none():
    assert check(" Static ", METHOD).state is State.RIGHT
    assert check("qat", METHOD).text.startswith("you gave 'qat', expected is 'static'.")
    assert "'best', which is none of 'dynamic', 'static', 'qat'. Expected is 'static'." in check("best", METHOD).text
    assert "3, which is none of" in check(3, METHOD).text


def test_check_shows_a_word_beside_the_colour_and_no_markup_of_an_answer_when_displayed():
    shown = check("<img src=x>", METHOD)._repr_html_()
    assert "Not yet" in shown
    assert 'role="status"' in shown
    assert "<img" not in shown
