"""The teaching notebooks on methods that train, by the stock papermill alone: every claim is borne out, every plot is told in words."""

import re

import pytest

PLOTS = {
    "12_qat_and_pact": ("staircase", "clip_gradient", "losses", "ranges", "drops"),
    "13_distillation_one_click": ("softened", "gradients", "noise"),
    "14_pruning_and_joint_strategies": ("ranks", "shares", "costs", "losses", "joint"),
}


@pytest.mark.parametrize("name", PLOTS)
def test_lesson_bears_out_its_claims_when_papermill_runs_it(name, tmp_path, green_lesson):
    folder = tmp_path / "run"
    lesson = green_lesson(name, folder, timeout_s=1800)
    assert len(lesson.claims) >= len(PLOTS[name])
    told = re.findall(r'<img src="data:image/png[^"]*" alt="([^"]+)"', lesson.shown)
    assert len(told) == len(PLOTS[name])
    assert all(re.match(r"Chart: .+\. .*\d", alt) for alt in told)
    assert all((folder / "plots" / f"{plot}.png").is_file() for plot in PLOTS[name])
