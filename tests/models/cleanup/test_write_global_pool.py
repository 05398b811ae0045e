"""Means over the picture become poolings."""


def test_means_become_poolings_when_they_run_over_height_and_width(cleaned):
    found = cleaned["means"]
    assert found["applied"]["write_global_pool"] == 2
    assert found["after"]["pool2d"] == 2
    assert "reduce_mean" not in found["after"]


def test_means_stay_when_they_run_over_other_axes_or_leave_none(cleaned):
    found = cleaned["other_means"]
    assert "write_global_pool" not in found["applied"]
    assert found["after"]["reduce_mean"] == found["before"]["reduce_mean"] == 4
