"""The plots of the notebook on pruning."""

import numpy as np
import pytest

from workbench.lessons.pruning import show_costs, show_joint, show_ranks, show_shares
from workbench.records import Device, Precision, Record, Scope, Status

PNG = b"\x89PNG\r\n"
SAME = {"model": "tiny", "backend": "onnxruntime", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK,
        "precision": Precision.FP32, "metric_name": "top1", "repeats": 30}  # fmt: skip


@pytest.fixture
def rows():
    """FP32, and a pruned network that is timed and judged."""
    size = {"gflops": 0.04, "params_m": 0.2, "model_size_mb": 0.9}
    less = {"gflops": 0.03, "params_m": 0.1, "model_size_mb": 0.5}
    timed = {"speedup_vs_fp32": 0.8, "speedup_low": 0.7, "speedup_high": 0.9}
    judged = {"metric_drop": 3.0, "drop_low": 1.0, "drop_high": 5.0}
    base = Record(**SAME, **size, method="none", speedup_vs_fp32=1.0, metric_drop=0.0)
    return [base, Record(**SAME, **less, **timed, **judged, method="prune")]


def test_ranks_are_drawn_when_one_criterion_takes_no_filter_alone(tmp_path):
    values = np.arange(4.0)
    show_ranks(values, values, {"L1 norm": {0, 1}, "FPGM": {0}}, seen="1 of 2.", folder=tmp_path)
    assert (tmp_path / "plots" / "ranks.png").read_bytes().startswith(PNG)


def test_shares_are_drawn_when_measured(tmp_path):
    show_shares({"prune": (0.2, 0.7)}, seen="20 %.", folder=tmp_path)
    assert (tmp_path / "plots" / "shares.png").read_bytes().startswith(PNG)


def test_costs_and_joint_say_how_often_was_timed_when_drawn(rows, tmp_path):
    base, pruned = rows
    for shown in (
        show_costs({"prune": pruned}, base, seen="Slower.", folder=tmp_path),
        show_joint(rows, seen="Slower.", folder=tmp_path),
    ):
        assert "Slower. n = 30 timed calls of each model. Measured on " in shown.data
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {"costs.png", "joint.png"}
