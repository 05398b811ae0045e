"""Runs that go on without whoever started them: found again, cancelled, killed, taken up where they stopped."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from workbench import background_run
from workbench.background_run import BackgroundRun, RunState
from workbench.errors import BusyError
from workbench.pipeline.run_progress import run_progress

LIMIT_S = 300
START = "import sys; from pathlib import Path; from workbench import background_run; background_run.start(sys.argv[1], Path(sys.argv[2]))"


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@dataclass(frozen=True)
class Hanging:
    """A suite, the folder of its run, and its one member's."""

    recipe: Path
    folder: Path
    member: Any

    def break_task(self, **fault):
        (self.member.folder / "fault.json").write_text(json.dumps(fault))


@pytest.fixture
def hanging_run(finished_run, tmp_path):
    """A run that somebody who is gone started, and that hangs in calibration; killed at the end.

    A suite: it needs no notebooks, whose kernels take long to start. Notebook 9 has its test of a run through notebooks.
    """
    member = finished_run.moved_to(tmp_path / "runs" / "suite" / "tiny")
    run = Hanging(tmp_path / "suite.yaml", tmp_path / "runs" / "suite", member)
    recipe = yaml.safe_load(finished_run.recipe.read_text())
    run.recipe.write_text(yaml.safe_dump({"schema_version": 1, "kind": "suite", "name": "suite", "members": [recipe]}))
    member.forget("static-hist")
    run.break_task(kind="hang", part="calibration")
    # As a notebook's kernel has it.
    environment = os.environ | {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    subprocess.run([sys.executable, "-c", START, run.recipe, run.folder], check=True, timeout=LIMIT_S, env=environment)
    try:
        wait_until((member.folder / "hanging").exists, "the task was never called")
        yield run
    finally:
        if found := background_run.find(run.folder):
            found.cancel(grace_s=10)


def test_run_is_found_cancelled_and_taken_up_when_its_starter_is_gone(hanging_run):
    (run,) = background_run.running(hanging_run.folder.parent)
    assert run == background_run.find(hanging_run.folder)
    assert os.getsid(run.pid) == run.pid  # a kernel that ends takes its own session with it
    assert run_progress(run).text == "starting"
    with pytest.raises(BusyError, match=f"process {run.pid} runs in it"):
        background_run.start(hanging_run.recipe, hanging_run.folder)

    assert run.cancel() is RunState.CANCELLED
    assert "the same command takes up where this stopped" in run.log.read_text()
    assert background_run.running(hanging_run.folder.parent) == []

    hanging_run.break_task()
    kept = {path: path.read_text() for path in hanging_run.member.jobs("evaluate")}
    again = background_run.start(hanging_run.recipe, hanging_run.folder)
    wait_until(lambda: background_run.find(hanging_run.folder).state is not RunState.RUNNING, "it never ended")
    assert background_run.find(hanging_run.folder).state is RunState.PASSED, again.log.read_text()
    assert {path: path.read_text() for path in kept} == kept
    assert run_progress(again).lines[0].startswith("1/1 tiny: done (")
    assert "\x1b" not in again.log.read_text()


def test_run_ended_without_a_result_when_it_was_killed(hanging_run):
    run = background_run.find(hanging_run.folder)
    os.killpg(run.pid, signal.SIGKILL)
    wait_until(lambda: run.state is not RunState.RUNNING, "it lives")
    assert background_run.find(hanging_run.folder).state is RunState.LOST
    assert str(run.state) == "ended without a result"
    assert run.cancel() is RunState.LOST


def test_run_was_refused_when_its_recipe_cannot_be_used(tmp_path):
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    run = background_run.start(tmp_path / "bad.yaml", tmp_path / "run")
    wait_until(lambda: background_run.find(run.folder).state is not RunState.RUNNING, "it never ended")
    assert background_run.find(run.folder).state is RunState.REFUSED
    (line,) = run_progress(run).lines
    assert "`model` is missing" in line


def test_run_is_lost_when_its_number_is_another_process_by_now(tmp_path):
    me = psutil.Process()
    mine = BackgroundRun(tmp_path, "demo", me.pid, me.create_time(), "2026-01-01T00:00:00+00:00")
    stale = dataclasses.replace(mine, process_start=me.create_time() - 3600)
    assert (mine.state, stale.state) == (RunState.RUNNING, RunState.LOST)
    assert stale.cancel() is RunState.LOST  # and this process lives on


def test_folder_has_no_run_when_its_state_file_is_not_one(tmp_path):
    assert background_run.find(tmp_path) is None
    for text in ("", "[]", '{"pid": 1}', json.dumps({"surprise": 1})):
        (tmp_path / background_run.STATE_FILE).write_text(text)
        assert background_run.find(tmp_path) is None
