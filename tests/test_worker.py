"""Workers and what becomes of them: answers, faults, crashes, hangs, and what they leave behind."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.launch import KEPT_VARIABLES, Outcome, Stopped, Worker, WorkerEnded, run_job, worker_environment
from workbench.records import Status

HERE = Path(__file__).parent
PATIENCE_S = 60.0

PARENT = """
import sys
from pathlib import Path
from workbench.launch import Worker
worker = Worker("jobs:hang_alone", {}, log=Path(sys.argv[1]))
print(worker.receive(60)["pids"][0], flush=True)
worker.receive(600)
"""


@pytest.fixture(autouse=True)
def _jobs_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "job.log"


@pytest.fixture
def run(log: Path) -> Callable[..., Outcome]:
    def start(name: str, *, timeout_s: float = PATIENCE_S, **arguments: Any) -> Outcome:
        return run_job(f"jobs:{name}", arguments, log=log, timeout_s=timeout_s)

    return start


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def wait_until_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not is_gone(pid):
        time.sleep(0.02)
    return is_gone(pid)


def test_run_job_gives_the_value_when_the_job_returns(run):
    outcome = run("echo", number=1.5, text="ä\n", nothing=None, many=[{"a": True}])
    assert outcome.status is Status.OK
    assert outcome.value == {"number": 1.5, "text": "ä\n", "nothing": None, "many": [{"a": True}]}
    assert outcome.reason == ""
    assert 0 < outcome.seconds < PATIENCE_S


def test_run_job_gives_a_long_value_when_it_exceeds_the_pipe(run):
    text = "x" * 1_000_000
    assert run("echo", text=text).value == {"text": text}


def test_run_job_tells_progress_when_the_job_sends_it(log):
    seen: list[tuple[int, int, str]] = []
    outcome = run_job(
        "jobs:count", {"steps": 3}, log=log, timeout_s=PATIENCE_S, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 3, "counting"), (2, 3, "counting"), (3, 3, "counting")]
    assert outcome.value == 3


def test_run_job_passes_over_progress_when_nobody_listens(run):
    assert run("count", steps=3).value == 3


def test_run_job_raises_when_the_job_finds_the_input_at_fault(run):
    with pytest.raises(InputError, match=r"^model x: no such file; give another$"):
        run("fail", kind="InputError", text="model x: no such file;\n give another")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
def test_run_job_raises_when_the_disk_refuses(run, code):
    with pytest.raises(InputError, match=f"{os.strerror(code)}.*/some/file") as caught:
        run("fail_to_write", code=code)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "status", "reason"),
    [
        ("UnsupportedError", "no INT8 here", Status.UNSUPPORTED, "no INT8 here"),
        ("UnavailableError", "no GPU;\n buy one", Status.UNAVAILABLE, "no GPU; buy one"),
        (
            "DeviceError",
            "out of GPU memory: 5 MB more asked for",
            Status.FAILED,
            "out of GPU memory: 5 MB more asked for",
        ),
        ("ValueError", "C++ frames\n----\nthe message", Status.FAILED, "ValueError: the message"),
        ("ValueError", "the message\n  [/paddle/common/ddim.h:61]", Status.FAILED, "ValueError: the message"),
        ("ValueError", "", Status.FAILED, "ValueError"),
        ("KeyboardInterrupt", "", Status.FAILED, "KeyboardInterrupt"),
    ],
)
def test_run_job_tells_the_status_when_the_job_raises(run, log, kind, text, status, reason):
    outcome = run("fail", kind=kind, text=text)
    assert (outcome.status, outcome.value, outcome.reason) == (status, None, reason)
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("name", "reason"), [("not_json", "set is not JSON serializable"), ("not_a_number", "not JSON compliant")]
)
def test_run_job_fails_when_json_cannot_hold_the_value(run, name, reason):
    outcome = run(name)
    assert outcome.status is Status.FAILED
    assert reason in outcome.reason


@pytest.mark.parametrize("function", ["jobs:no_such_job", "no_such_module:job"])
def test_run_job_fails_when_there_is_no_such_job(log, function):
    outcome = run_job(function, {}, log=log, timeout_s=PATIENCE_S)
    assert outcome.status is Status.FAILED
    assert "no_such" in outcome.reason


def test_run_job_tells_the_signal_and_the_last_lines_when_the_job_aborts(run):
    outcome = run("abort")
    assert outcome.status is Status.CRASHED
    assert outcome.reason == "crashed (SIGABRT): line 2 | line 3 | line 4"


def test_run_job_tells_the_cause_when_paddle_adds_its_frames(run):
    assert run("abort_as_paddle").reason == (
        "crashed (SIGABRT): terminate called after throwing an instance of 'E' | what():  the cause"
    )


def test_run_job_tells_the_signal_when_the_job_segfaults(run):
    outcome = run("segfault")
    assert outcome.status is Status.CRASHED
    assert outcome.reason.startswith("crashed (SIGSEGV)")


def test_run_job_hints_at_memory_when_the_job_is_killed(run):
    outcome = run("kill_itself")
    assert (outcome.status, outcome.reason) == (
        Status.CRASHED,
        "killed (SIGKILL), probably because memory ran out",
    )


@pytest.mark.parametrize("code", [0, 3])
def test_run_job_tells_the_exit_code_when_the_job_leaves_without_an_answer(run, code):
    outcome = run("leave", code=code)
    assert outcome.status is Status.CRASHED
    assert outcome.reason == f"ended without an answer (exit code {code})"


def test_run_job_notices_the_crash_when_a_forked_child_holds_the_pipe(run):
    start = time.monotonic()
    outcome = run("leave_a_fork_behind")
    assert outcome.status is Status.CRASHED
    assert outcome.reason.startswith("crashed (SIGABRT)")
    assert time.monotonic() - start < PATIENCE_S / 2


def test_run_job_times_out_when_the_job_hangs(run):
    start = time.monotonic()
    outcome = run("hang", timeout_s=0.5)
    assert outcome.status is Status.TIMEOUT
    assert outcome.reason == "no answer within 0.5 s"
    assert time.monotonic() - start < 10


def test_run_job_ends_the_worker_when_nobody_waits_any_more(log):
    stop = threading.Event()
    with pytest.raises(Stopped):
        run_job(
            "jobs:count_slowly", {"steps": 10_000, "step_s": 0.1}, log=log, timeout_s=PATIENCE_S,
            progress=lambda *_: stop.set(), stop=stop,
        )  # fmt: skip


def test_run_job_waits_when_a_long_job_tells_progress(run):
    assert run("count_slowly", steps=8, step_s=0.5, timeout_s=3.0).value == 8


def test_worker_ends_with_its_children_when_it_hangs(log):
    worker = Worker("jobs:hang_with_a_child", {}, log=log)
    pids = worker.receive(PATIENCE_S)["pids"]
    assert not any(is_gone(pid) for pid in pids)
    with pytest.raises(WorkerEnded, match=r"no answer within 0\.05 s"), worker:
        worker.receive(0.05)
    assert all(wait_until_gone(pid) for pid in pids)


def test_worker_ends_when_its_parent_is_killed(tmp_path):
    command = [sys.executable, "-c", PARENT, str(tmp_path / "job.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.send_signal(signal.SIGKILL)
        assert wait_until_gone(pid)


def test_worker_does_nothing_when_its_parent_is_gone_before_it_starts(tmp_path):
    job = tmp_path / "job.json"
    job.write_text('{"function": "jobs:echo", "arguments": {}}')
    command = [sys.executable, "-m", "workbench.worker", str(job), str(2**22 + 1)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "started this worker is gone" in done.stderr


def test_worker_talks_both_ways_when_it_is_kept_open(log):
    with Worker("jobs:answer", {}, log=log) as worker:
        for said in ("one", 2, ["three"]):
            worker.send("say", said=said)
            assert worker.receive(PATIENCE_S)["said"] == said


def test_worker_tells_the_end_when_messages_go_to_a_dead_one(log):
    with Worker("jobs:kill_itself", {}, log=log) as worker:
        with pytest.raises(WorkerEnded):
            worker.receive(PATIENCE_S)
        with pytest.raises(WorkerEnded) as caught:
            worker.send("say", said="x")
    assert caught.value.outcome.status is Status.CRASHED


def test_worker_closes_quietly_when_it_is_closed_twice(log):
    worker = Worker("jobs:echo", {}, log=log)
    worker.receive(PATIENCE_S)
    worker.close()
    worker.close(grace_s=1.0)


def test_channel_stays_clean_when_the_job_prints_everywhere(run, log):
    outcome = run("shout")
    assert (outcome.status, outcome.value) == (Status.OK, "heard")
    said = log.read_text()
    for line in ("python print", "descriptor one", "C library", "child process", "standard error"):
        assert line in said


def test_worker_sees_only_named_variables_when_the_caller_has_more(monkeypatch, log):
    monkeypatch.setenv("SECRET_TOKEN", "do not pass on")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("HOME", "/some/home")
    seen = run_job("jobs:look_around", {}, log=log, timeout_s=PATIENCE_S, threads=3).value
    # Python itself sets LC_CTYPE where the locale is C.
    allowed = {*KEPT_VARIABLES, *worker_environment(3), "LC_CTYPE"}
    assert set(seen["environment"]) <= allowed
    assert "SECRET_TOKEN" not in seen["environment"]
    assert seen["environment"]["HOME"] == "/some/home"
    assert [seen["environment"][f"{pool}_NUM_THREADS"] for pool in ("OMP", "MKL", "OPENBLAS")] == ["3"] * 3
    assert seen["environment"]["FLAGS_enable_pir_api"] == "0"


def test_worker_is_set_apart_when_it_starts(log):
    seen = run_job("jobs:look_around", {}, log=log, timeout_s=PATIENCE_S).value
    assert seen["oom_score_adj"] == 1000
    assert seen["session"]
    assert seen["runtimes"] == []
    assert seen["standard_input"] == ""
