"""The plots of the notebook on pruning."""

import numpy as np

from workbench.lessons.pruning import show_ranks, show_shares

PNG = b"\x89PNG\r\n"


def test_ranks_are_drawn_when_one_criterion_takes_no_filter_alone(tmp_path):
    values = np.arange(4.0)
    show_ranks(values, values, {"L1 norm": {0, 1}, "FPGM": {0}}, seen="1 of 2.", folder=tmp_path)
    assert (tmp_path / "plots" / "ranks.png").read_bytes().startswith(PNG)


def test_shares_are_drawn_when_measured(tmp_path):
    show_shares({"prune": (0.2, 0.7)}, seen="20 %.", folder=tmp_path)
    assert (tmp_path / "plots" / "shares.png").read_bytes().startswith(PNG)
