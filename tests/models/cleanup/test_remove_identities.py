"""Operators that give back what they get go away."""


def test_identities_are_removed_when_they_are_inside_and_at_the_output(cleaned):
    found = cleaned["identities"]
    assert found["applied"]["remove_identities"] == 6
    assert set(found["after"]) == {"feed", "conv2d", "elementwise_add", "relu", "fetch"}
    assert found["same_interface"]


def test_identity_at_the_output_goes_when_it_works_in_place(cleaned):
    assert cleaned["in_place"]["applied"]["remove_identities"] == 1
    assert cleaned["in_place"]["same_interface"]
