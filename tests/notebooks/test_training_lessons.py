"""The teaching notebooks on methods that train, by the stock papermill alone: every claim is borne out, every plot is told in words.

A lesson of SHORTENED has two training batches in every change, and is run as it is read every night.
"""

import re

import pytest

from workbench.records import Status, read_records

PLOTS = {
    "12_qat_and_pact": ("staircase", "clip_gradient", "losses", "ranges", "drops"),
    "13_distillation_one_click": ("softened", "gradients", "noise"),
    "14_pruning_and_joint_strategies": ("ranks", "shares", "costs", "losses", "joint"),
}
SHORTENED = ("12_qat_and_pact",)


def check(lesson, folder, plots):
    assert len(lesson.claims) >= len(plots)
    told = re.findall(r'<img src="data:image/png[^"]*" alt="([^"]+)"', lesson.shown)
    assert len(told) == len(plots)
    assert all(re.match(r"Chart: .+\. .*\d", alt) for alt in told)
    assert all((folder / "plots" / f"{plot}.png").is_file() for plot in plots)


@pytest.mark.parametrize("name", SHORTENED)
def test_lesson_is_whole_when_it_is_given_little_data(name, tmp_path, green_lesson):
    lesson = green_lesson(name, tmp_path / "run", timeout_s=550, smoke=True)
    check(lesson, tmp_path / "run", PLOTS[name])
    assert {row.repeats for row in read_records(tmp_path / "run") if row.status is Status.OK} == {4}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SHORTENED else name for name in PLOTS]
)
def test_lesson_bears_out_its_claims_when_papermill_runs_it(name, tmp_path, green_lesson):
    lesson = green_lesson(name, tmp_path / "run", timeout_s=1750)
    check(lesson, tmp_path / "run", PLOTS[name])
