"""The teaching notebooks on methods that train, by the stock papermill alone: every claim is borne out, every plot is told in words.

Every change: with two training batches. Every night: as they are read.
"""

import re

import pytest

from workbench.records import Status, read_metrics, read_records

LESSONS = [
    ("12_qat_and_pact", ("staircase", "clip_gradient", "losses", "ranges", "drops")),
    ("13_distillation_one_click", ("softened", "gradients", "noise")),
    ("14_pruning_and_joint_strategies", ("ranks", "shares", "costs", "losses", "joint")),
]
NAMES = [name for name, _ in LESSONS]


def check(lesson, folder, plots):
    assert len(lesson.result["claims"]) >= len(plots)
    told = re.findall(r'<img src="data:image/png[^"]*" alt="([^"]+)"', lesson.shown)
    assert len(told) == len(plots)
    assert all(re.match(r"Chart: .+\. .*\d", alt) for alt in told)
    assert all((folder / "plots" / f"{plot}.png").is_file() for plot in plots)


@pytest.mark.timeout(1200)  # two files of tests at once, on 2 cores
@pytest.mark.parametrize(("name", "plots"), LESSONS, ids=NAMES)
def test_lesson_is_whole_when_it_is_given_little_data(name, plots, tmp_path, green_lesson):
    lesson = green_lesson(name, tmp_path / "run", timeout_s=1150, smoke=True)
    check(lesson, tmp_path / "run", plots)
    assert {row.repeats for row in read_records(tmp_path / "run") if row.status is Status.OK} == {4}
    assert {m.value for m in read_metrics(tmp_path / "run") if m.name == "evaluation_samples"} == {16}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "plots"), LESSONS, ids=NAMES)
def test_lesson_bears_out_its_claims_when_papermill_runs_it(name, plots, tmp_path, green_lesson):
    check(green_lesson(name, tmp_path / "run", timeout_s=1750), tmp_path / "run", plots)
