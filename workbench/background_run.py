"""A run that goes on without whoever started it: when the notebook's kernel restarts, the page reloads or the browser is closed.

`workbench run` works in a process and session of its own. It writes who it is, and how it ended, into a file of the run folder, by
which any other process finds it again, shows how far it is, and cancels it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import psutil

from workbench.errors import BusyError, WorkbenchError
from workbench.exit_codes import ExitCode
from workbench.files import write_json
from workbench.run_folder import RunFolder

STATE_FILE = "background.json"
LOG = "background"
START_LIMIT_S = 60.0
POLL_S = 0.05
GRACE_S = 20.0  # what Ctrl-C may take: a worker is given 5 s to end, a kernel about as long
COLOURS = ("FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "PY_COLORS")
SAME_START_S = 2.0  # the system's clock may be set right meanwhile; a process number does not come round so soon


class RunState(StrEnum):
    """What became of a background run."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    LOST = "ended without a result"


ENDS = {
    ExitCode.GOOD: RunState.PASSED,
    ExitCode.FAILED: RunState.FAILED,
    ExitCode.BAD_INPUT: RunState.REFUSED,
    ExitCode.INTERRUPTED: RunState.CANCELLED,
}


@dataclass(frozen=True)
class BackgroundRun:
    """The last run that was started in a folder, as its state file tells of it.

    `process_start` (seconds since 1970) tells the process from a later one of the same number; `begun` is the same in UTC, for people.
    """

    folder: Path
    recipe: str
    pid: int
    process_start: float
    begun: str
    smoke: bool = False
    exit_code: int | None = None

    @property
    def state(self) -> RunState:
        """What has become of it by now, as far as this object knows: `find` reads the state file again."""
        if self.exit_code is not None:
            return next((state for code, state in ENDS.items() if code == self.exit_code), RunState.FAILED)
        return RunState.RUNNING if self._process() else RunState.LOST

    @property
    def log(self) -> Path:
        """The file with what it says."""
        return log_file(self.folder)

    def cancel(self, *, grace_s: float = GRACE_S) -> RunState:
        """End it as Ctrl-C does, or by force when it has not ended after `grace_s` seconds; returns how it ended."""
        for number, limit in ((signal.SIGINT, grace_s), (signal.SIGKILL, grace_s)):
            if not self._process():
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            deadline = time.monotonic() + limit
            while self._process() and time.monotonic() < deadline:
                time.sleep(POLL_S)
        return (find(self.folder) or self).state

    def _process(self) -> psutil.Process | None:
        """The process itself, when it still runs; another one that got its number is not taken for it."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.process_start) < SAME_START_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def log_file(folder: Path) -> Path:
    """The file with what the background run in a folder says."""
    return RunFolder(folder).log(LOG)


def start(recipe: str | Path, folder: Path, *, smoke: bool = False) -> BackgroundRun:
    """Start `workbench run RECIPE --out FOLDER`; what an earlier run in the folder finished is not done again.

    Raises BusyError when one runs there, InputError when the folder cannot be made, WorkbenchError when the process does not start;
    then a folder that was made for it is removed.
    """
    is_new = not folder.exists()
    folder = RunFolder.create(folder.resolve()).path
    if (earlier := find(folder)) and earlier.state is RunState.RUNNING:
        raise BusyError(f"run folder {folder}: process {earlier.pid} runs in it; wait for it to end, or cancel it")
    with log_file(folder).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.background_run", str(folder), str(recipe), *(["--smoke"] if smoke else [])],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=_environment(),
            # The session of its own is what a kernel that ends, or is interrupted, leaves alone.
            start_new_session=True,
        )  # fmt: skip
    # Its end is to be taken notice of even when nobody asks: the system keeps an entry of it until then.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        if (found := find(folder)) and found.pid == process.pid:
            return found
        time.sleep(POLL_S)
    if (found := find(folder)) and found.pid == process.pid:
        return found
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    said = log_file(folder).read_text(encoding="utf-8", errors="replace").split("\n")
    if is_new:
        shutil.rmtree(folder, ignore_errors=True)
    last = next((line for line in reversed(said) if line.strip()), "it said nothing")
    raise WorkbenchError(f"run folder {folder}: the run did not start: {last}")


def _environment() -> dict[str, str]:
    """This process's, without what a notebook's kernel sets to have colours wherever a program writes to."""
    kept = {name: value for name, value in os.environ.items() if name not in COLOURS}
    return kept | {"PYTHONUNBUFFERED": "1"}


def find(folder: Path) -> BackgroundRun | None:
    """The last background run of a folder; None when there was none, or its state file is not one."""
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return BackgroundRun(folder.resolve(), **state)
    except (OSError, ValueError, TypeError):
        return None


def background_runs(runs: Path) -> list[BackgroundRun]:
    """The last background run of each run folder in `runs`, those that run first, then the newest."""
    found = [run for file in runs.glob(f"*/{STATE_FILE}") if (run := find(file.parent))]
    return sorted(found, key=lambda run: (run.state is RunState.RUNNING, run.process_start), reverse=True)


def running(runs: Path) -> list[BackgroundRun]:
    """The background runs in `runs` that have not ended, the newest first."""
    return [run for run in background_runs(runs) if run.state is RunState.RUNNING]


def main(folder: Path, recipe: str, options: Sequence[str]) -> int:
    """What the process does: say who it is, carry out the command, and say how that ended."""
    # A shell that starts programs in the background lets them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    own = BackgroundRun(folder, recipe, os.getpid(), psutil.Process().create_time(), begun, smoke="--smoke" in options)
    state = {name: value for name, value in asdict(own).items() if name != "folder"}
    write_json(folder / STATE_FILE, state)
    code = int(ExitCode.FAILED)
    try:
        code = _command(["run", recipe, "--out", str(folder), *options])
    except KeyboardInterrupt:
        code = int(ExitCode.INTERRUPTED)
    except BaseException:
        traceback.print_exc()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        write_json(folder / STATE_FILE, state | {"exit_code": code})
    return code


def _command(arguments: list[str]) -> int:
    from workbench import cli

    sys.argv = ["workbench", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return int(ExitCode.GOOD)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
