"""Channel shuffles go away where convolutions make and read the channels."""

import pytest


@pytest.mark.parametrize(("name", "count"), [("shuffles", 8), ("shuffle_operators", 3), ("shuffle_of_three", 1)])
def test_shuffles_are_removed_when_convolutions_are_around_them(cleaned, name, count):
    found = cleaned[name]
    assert found["applied"]["unshuffle"] == count
    assert not {"reshape2", "transpose2", "shuffle_channel", "slice"} & set(found["after"])
    assert found["permuted"]


def test_network_computes_nothing_else_when_its_shuffles_are_removed(cleaned):
    found = cleaned["shuffles"]
    moved = {"reshape2", "transpose2", "concat", "split", "batch_norm", "elementwise_add"}
    kept = [{kind: count for kind, count in found[when].items() if kind not in moved} for when in ("before", "after")]
    assert kept[0] == kept[1]


def test_stage_keeps_its_shuffles_when_others_than_convolutions_see_them(cleaned):
    found = cleaned["shuffles_seen"]
    assert found["applied"]["unshuffle"] == 2
    assert found["after"]["transpose2"] == 2
