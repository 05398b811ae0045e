"""Runs under a limit: what workers see of it, and the published figures beside them."""

import os

import pytest

from workbench.errors import InputError
from workbench.launch import worker_environment
from workbench.lessons import instruction_sets
from workbench.lessons.answers import instruction_sets as answers
from workbench.lessons.exercises import State, check
from workbench.lessons.instruction_sets import VARIABLE, available_limits, published_table, run_limited
from workbench.machine import this_machine


def test_limits_are_those_of_this_cpu_when_asked():
    assert ("AVX2" in available_limits(["AVX2"])) == ("avx2" in this_machine().isa)
    with pytest.raises(InputError, match="instruction set 'SSE9': not known; take one of AVX2"):
        available_limits(["AVX2", "SSE9"])


@pytest.mark.parametrize("before", [None, "AVX512_CORE"])
def test_workers_have_the_limit_and_later_ones_what_was_before_when_run_under_it(before, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    if before:
        monkeypatch.setenv(VARIABLE, before)
    seen = []

    def run_lesson(recipe, folder, *, smoke):
        seen.append((recipe["name"], folder, smoke, worker_environment(1)[VARIABLE]))

    monkeypatch.setattr(instruction_sets, "run_lesson", run_lesson)
    run_limited({"name": "x"}, ["AVX2", "AVX512_CORE_VNNI"], tmp_path, smoke=True)
    assert seen == [
        ("x_avx2", str(tmp_path / "avx2"), True, "AVX2"),
        ("x_avx512_core_vnni", str(tmp_path / "avx512_core_vnni"), True, "AVX512_CORE_VNNI"),
    ]
    assert os.environ.get(VARIABLE) == before


def test_published_speedups_have_hardware_and_source_when_shown():
    table = published_table()
    assert len(table) >= 3
    assert table["times as fast"].between(1, 4).all()
    assert table["source"].str.startswith("https://").all()
    assert table["hardware"].str.contains("Xeon").all()


def test_answers_are_these_when_worked_out_by_hand():
    assert check(4 / 3, answers.best_by_instructions(3)).state is State.RIGHT
    assert "one instruction" in check(4, answers.best_by_instructions(3)).text
    assert check(50, answers.time_saved(2)).state is State.RIGHT
    assert "what is left" not in check(50, answers.time_saved(2)).text
