"""Counting what a network computes."""


def test_multiply_adds_are_those_of_every_weight_when_counted(cleaned):
    full, depthwise, points = 14 * 14 * 8 * 27, 12 * 12 * 8 * 9, 2 * 12 * 12 * 8 * 8
    transposed, matrix = 12 * 12 * 8 * 6 * 4, 6 * 5
    assert cleaned["biases"]["multiply_adds"][0] == full + depthwise + points + transposed + matrix


def test_multiply_adds_stay_when_the_clean_up_takes_operators_away(cleaned):
    for name in ("biases", "norms", "identities", "shuffles"):
        before, after = cleaned[name]["multiply_adds"]
        assert before == after > 0


def test_multiply_adds_are_unknown_when_an_axis_is(cleaned):
    assert cleaned["any_height"]["multiply_adds"] == [None, None]
