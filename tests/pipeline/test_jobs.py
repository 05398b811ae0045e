"""How many jobs run at once, and what ends them early."""

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from workbench.launch import Outcome
from workbench.pipeline import Stage, jobs, stages
from workbench.pipeline.jobs import Job, run_together
from workbench.records import Status

PATIENCE_S = 20
THREE = [Job(name, "module:function", {}, name) for name in "abc"]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(jobs, "this_machine", lambda: SimpleNamespace(cores=2))


def test_jobs_run_two_at_once_when_there_are_two_cores():
    meeting = threading.Barrier(2)
    found = run_together(lambda job, _: (meeting.wait(PATIENCE_S), job.name)[1], THREE[:2], threads=1, alone=False)
    assert found == ["a", "b"]


@pytest.mark.parametrize(("threads", "alone"), [(2, False), (1, True)])
def test_jobs_run_one_after_another_when_they_need_the_machine_for_themselves(threads, alone):
    working = threading.Lock()

    def run(job, _):
        assert working.acquire(blocking=False)
        working.release()
        return threading.get_ident()

    assert set(run_together(run, THREE, threads=threads, alone=alone)) == {threading.get_ident()}


def test_no_further_job_starts_when_one_raises():
    started, going = [], threading.Event()

    def run(job, _):
        started.append(job.name)
        if job.name == "a":
            raise OSError("disk full")
        assert going.wait(PATIENCE_S)

    threading.Timer(0.2, going.set).start()
    many = [*THREE, *(Job(name, "module:function", {}, name) for name in "defgh")]
    with pytest.raises(OSError, match="disk full"):
        run_together(run, many, threads=1, alone=False)
    assert len(started) < len(many)


@pytest.fixture
def interruptible():
    """Python's own answer to SIGINT: a process that a shell put into the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_jobs_are_told_to_stop_when_somebody_interrupts(interruptible):
    told, working = [], threading.Barrier(2)

    def run(job, stop):
        working.wait(PATIENCE_S)
        if job.name == "a":
            os.kill(os.getpid(), signal.SIGINT)
        told.append(stop.wait(PATIENCE_S))

    with pytest.raises(KeyboardInterrupt):
        run_together(run, THREE[:2], threads=1, alone=False)
    assert told == [True, True]


def test_job_runs_once_when_two_rows_need_it(copy_of_run, monkeypatch):
    done = []
    monkeypatch.setattr(
        stages, "run_job", lambda name, *_, **__: (done.append(name), Outcome(Status.OK, {"is": name}))[1]
    )
    one, other = Job("one", "module:one", {}, 1), Job("other", "module:other", {}, 1)
    records = copy_of_run.open().jobs(Stage.DEPLOY, [one, other, one])
    assert sorted(done) == ["module:one", "module:other"]
    assert [record["name"] for record in records] == ["one", "other", "one"]
