"""Comparison groups: who is measured when, and what becomes of the others when one fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from processes import running_children

from workbench.errors import InputError
from workbench.experiment import Measurement
from workbench.measure import comparison
from workbench.measure.comparison import GroupResult, Member, measure_group
from workbench.records import Scope, Status

TESTS = Path(__file__).parents[1]
MEASUREMENT = Measurement(
    scopes=[Scope.RUNTIME], warmup=7, rounds=4, repeats=12, block_runs=2, block_seconds=0.0, timeout_s=60
)


@pytest.fixture
def members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Member]]:
    """Members whose latency job is the invented one of jobs.py: name=arguments, or name=speed."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(comparison, "JOB", "jobs:latency")

    def make(**wanted: Any) -> list[Member]:
        found = []
        for name, given in wanted.items():
            arguments = given if isinstance(given, dict) else {"speed": given}
            arguments = {"name": name, "speed": 1.0, "turns": str(tmp_path / "turns")} | arguments
            found.append(Member(name, arguments, tmp_path / f"{name}.log", 1))
        return found

    return make


def turns(folder: Path) -> list[str]:
    return (folder / "turns").read_text().splitlines()


def workers_of(folder: Path) -> list[psutil.Process]:
    return [child for child, command in running_children() if any(str(folder) in part for part in command)]


def test_measure_group_turns_the_order_round_when_rounds_alternate(members, tmp_path):
    measure_group(members(a=1.0, b=2.0, c=3.0), MEASUREMENT)
    assert "".join(line[0] for line in turns(tmp_path)) == "abccbaabccba"
    assert workers_of(tmp_path) == []


def test_measure_group_does_one_scope_after_the_other_when_there_are_two(members, tmp_path):
    scopes = [Scope.END_TO_END, Scope.RUNTIME]
    result = measure_group(members(a=1.0, b=2.0), MEASUREMENT.model_copy(update={"scopes": scopes, "rounds": 2}))
    said = turns(tmp_path)
    assert said == [*(f"{n} end_to_end" for n in "abba"), *(f"{n} runtime" for n in "abba")]
    assert set(result.members["a"].blocks) == set(scopes)


@pytest.mark.parametrize(("repeats", "block_runs", "length"), [(12, 2, 3), (13, 2, 4), (4, 9, 9)])
def test_measure_group_makes_blocks_long_enough_when_repeats_are_many(members, repeats, block_runs, length):
    measurement = MEASUREMENT.model_copy(update={"repeats": repeats, "block_runs": block_runs})
    blocks = measure_group(members(a=1.0), measurement).members["a"].blocks[Scope.RUNTIME]
    assert [len(block) for block in blocks] == [length] * 4


def test_measure_group_keeps_what_members_tell_when_all_is_well(members):
    result = measure_group(members(a=1.0, b=3.0), MEASUREMENT)
    measured = result.members["b"]
    assert measured.outcome.status is Status.OK
    assert (measured.first_call_ms, measured.open_s) == (7.0, 0.5)
    assert measured.parts[Scope.RUNTIME][0] == {"run": pytest.approx(2.2)}
    assert 0.0 <= result.disturbance.steal <= 1.0


def test_speedup_is_the_ratio_when_the_machine_drifts(members):
    result = measure_group(members(fp32=1.0, control=1.0, int8=3.0), MEASUREMENT)
    speedup = result.speedup("fp32", "int8", Scope.RUNTIME)
    control = result.speedup("fp32", "control", Scope.RUNTIME)
    assert (speedup.value, speedup.low, speedup.high) == pytest.approx((3.0, 3.0, 3.0))
    assert control.value == pytest.approx(1.0)
    medians = [np.median(block) for block in result.members["fp32"].blocks[Scope.RUNTIME]]
    assert medians[-1] > 1.2 * medians[0]


def check_survivors(result: GroupResult, lost: str) -> None:
    for name in {"a", "b", "c"} - {lost}:
        assert result.members[name].outcome.status is Status.OK
        assert len(result.members[name].blocks[Scope.RUNTIME]) == 4
    others = sorted({"a", "b", "c"} - {lost})
    assert result.speedup(*others, Scope.RUNTIME).value == pytest.approx(1.0)
    assert result.speedup(others[0], lost, Scope.RUNTIME) is None
    assert result.speedup(lost, others[0], Scope.RUNTIME) is None


@pytest.mark.parametrize(("lost", "at_block"), [("a", -1), ("b", 0), ("c", -1)])
def test_measure_group_goes_on_when_a_member_crashes_at_the_start(members, tmp_path, lost, at_block):
    wanted = {"a": 1.0, "b": 1.0, "c": 1.0} | {lost: {"fault": "abort", "at_block": at_block}}
    result = measure_group(members(**wanted), MEASUREMENT)
    outcome = result.members[lost].outcome
    assert (outcome.status, outcome.reason) == (Status.CRASHED, "crashed (SIGABRT)")
    assert result.members[lost].blocks == {}
    check_survivors(result, lost)
    assert len(turns(tmp_path)) == 2 * 4


@pytest.mark.parametrize("lost", ["a", "c"])
def test_measure_group_goes_on_when_a_member_crashes_half_way(members, lost):
    wanted = {"a": 1.0, "b": 1.0, "c": 1.0} | {lost: {"fault": "abort", "at_block": 3}}
    result = measure_group(members(**wanted), MEASUREMENT)
    assert result.members[lost].outcome.status is Status.CRASHED
    assert len(result.members[lost].blocks[Scope.RUNTIME]) == 2
    check_survivors(result, lost)


def test_measure_group_tells_the_fault_when_a_member_raises(members):
    wanted = {"a": 1.0, "b": {"fault": "UnsupportedError", "at_block": 0}, "c": 1.0}
    result = measure_group(members(**wanted), MEASUREMENT)
    outcome = result.members["b"].outcome
    assert (outcome.status, outcome.reason) == (Status.UNSUPPORTED, "as the test wants it")
    check_survivors(result, "b")


def test_measure_group_goes_on_when_a_member_hangs(members):
    wanted = {"a": 1.0, "b": {"fault": "hang", "at_block": 2}, "c": 1.0}
    result = measure_group(members(**wanted), MEASUREMENT.model_copy(update={"timeout_s": 4.0}))
    outcome = result.members["b"].outcome
    assert (outcome.status, outcome.reason) == (Status.TIMEOUT, "no answer within 4 s")
    check_survivors(result, "b")


def test_measure_group_gives_a_result_when_every_member_fails(members):
    fault = {"fault": "abort", "at_block": 0}
    result = measure_group(members(a=fault, b=fault), MEASUREMENT)
    assert {measured.outcome.status for measured in result.members.values()} == {Status.CRASHED}


@pytest.mark.parametrize("at_block", [-1, 0, 2])
def test_measure_group_raises_and_ends_all_workers_when_the_input_is_at_fault(members, tmp_path, at_block):
    with pytest.raises(InputError, match="No space left"):
        measure_group(members(a=1.0, b={"fault": "full", "at_block": at_block}, c=1.0), MEASUREMENT)
    assert workers_of(tmp_path) == []


def test_measure_group_ends_all_workers_when_the_user_interrupts(members, tmp_path):
    def interrupt(done: int, total: int, label: str) -> None:
        assert len(workers_of(tmp_path)) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_group(members(a=1.0, b=2.0), MEASUREMENT, progress=interrupt)
    assert workers_of(tmp_path) == []


def test_measure_group_tells_progress_when_rounds_end(members):
    seen: list[tuple[int, int, str]] = []
    measurement = MEASUREMENT.model_copy(update={"scopes": list(Scope), "rounds": 2})
    measure_group(members(a=1.0), measurement, progress=lambda *step: seen.append(step))
    assert seen == [
        (1, 4, "runtime, round 1"),
        (2, 4, "runtime, round 2"),
        (3, 4, "end_to_end, round 1"),
        (4, 4, "end_to_end, round 2"),
    ]


def test_measure_group_measures_real_sessions_when_the_job_is_the_real_one(tmp_path, linear_model, make_task):
    model = linear_model(np.eye(4))
    arguments = {"backend": "onnxruntime", "model": str(model.folder), "task": make_task()}
    arguments["settings"] = {"device": "cpu", "precision": "fp32"}
    group = [Member(name, arguments, tmp_path / f"{name}.log", 1) for name in ("fp32", "control")]
    result = measure_group(group, MEASUREMENT.model_copy(update={"scopes": list(Scope)}))
    assert {measured.outcome.status for measured in result.members.values()} == {Status.OK}
    for scope in Scope:
        control = result.speedup("fp32", "control", scope)
        assert 0 < control.low <= control.value <= control.high
    assert set(result.members["fp32"].parts[Scope.END_TO_END][0]) == {"preprocess", "run", "postprocess"}
