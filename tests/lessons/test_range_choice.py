"""What the plots on calibration algorithms say of a distribution whose figures are known."""

import re

import numpy as np
import pytest

from workbench.lessons.range_choice import show_errors, show_outcomes, show_thresholds
from workbench.records import Device, Precision, Record, Scope, Status

X = (np.arange(2048) + 0.5) / 2048
SHARE = np.full(2048, 1 / 2048)


def alternative(html):
    return re.search(r' alt="([^"]+)">', html.data).group(1)


def test_thresholds_say_the_share_that_each_cuts_when_values_are_uniform(tmp_path):
    said = alternative(show_thresholds(X, SHARE, {"hist": 0.75, "abs_max": 1.0}, tensor="relu_0", folder=tmp_path))
    assert "hist at 0.75 cuts 25.000%; abs_max at 1 cuts 0.000%" in said
    assert (tmp_path / "plots" / "thresholds.png").read_bytes().startswith(b"\x89PNG")


def test_errors_say_the_smallest_sum_when_one_falls_and_the_other_grows(tmp_path):
    candidates = np.array([1.0, 2.0, 4.0, 8.0])
    clipping, rounding = np.array([0.9, 0.09, 0.009, 0.0]), np.array([0.001, 0.004, 0.001, 0.064])
    drawn = show_errors(candidates, clipping, rounding, 1.0, thresholds={"hist": 4.0}, folder=tmp_path)
    assert "the smallest sum, -20.0 dB at 4." in alternative(drawn)


@pytest.mark.parametrize("missing", ["sqnr_db", "metric_drop"])
def test_outcomes_leave_out_a_row_without_figures_when_drawn(missing, tmp_path):
    row = Record(
        model="tiny", backend="paddle_inference", device=Device.CPU, scope=Scope.RUNTIME, status=Status.OK, method="static",
        variant="KL", precision=Precision.INT8, metric_name="top1", sqnr_db=30.0, metric_drop=0.5, drop_low=0.0, drop_high=1.0,
    )  # fmt: skip
    rows = [row, row.model_copy(update={"variant": "mse", missing: None})]
    assert "KL 30.0 dB and 0.5 points." in alternative(show_outcomes(rows, folder=tmp_path))
