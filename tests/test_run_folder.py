"""The run folder: finished jobs, the lock, and cleaning up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import BusyError, InputError
from workbench.run_folder import KEPT, SUBFOLDERS, RunFolder, removable, remove

HOLDER = """
import sys, time
from pathlib import Path
from workbench.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock(sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs" / "demo")


def fill(run: RunFolder, **sizes: int) -> None:
    for name, size in sizes.items():
        path = run.path / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)


def test_create_makes_the_folders_when_they_are_missing(run):
    assert {path.name for path in run.path.iterdir()} == set(SUBFOLDERS)
    assert run.models == run.path / "models"
    assert run.log("job").parent == run.path / "logs"


def test_create_keeps_what_is_there_when_the_folder_exists(run):
    run.finish("deploy", "k", {"status": "ok"})
    assert RunFolder.create(run.path).finished("deploy", "k") == {"status": "ok"}


def test_create_tells_the_way_out_when_the_folder_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"run folder .*file/demo: Not a directory; choose another with --out$"):
        RunFolder.create(tmp_path / "file" / "demo")


def test_finished_gives_the_record_when_the_job_ended_well(run):
    run.finish("deploy", "k1", {"status": "ok", "value": 3})
    assert run.finished("deploy", "k1") == {"status": "ok", "value": 3}
    assert run.finished("deploy", "k2") is None
    assert run.finished("accuracy", "k1") is None


@pytest.mark.parametrize("status", ["failed", "crashed", "timeout", "unavailable", "unsupported"])
def test_finished_gives_none_when_the_job_ended_badly(run, status):
    run.finish("deploy", "k", {"status": status, "value": 3})
    assert run.finished("deploy", "k") is None


@pytest.mark.parametrize(
    "text", [b"", b'{"status": "ok", "val', b"[1]", b"null", b"\xff\xfe\x00\x01", b"{}", b'"ok"'], ids=repr
)
def test_finished_gives_none_when_the_file_is_broken(run, text):
    run.finish("deploy", "k", {"status": "ok"})
    (file,) = (run.path / "jobs").iterdir()
    file.write_bytes(text)
    assert run.finished("deploy", "k") is None


def test_finish_replaces_the_record_when_the_job_is_done_again(run):
    run.finish("deploy", "k", {"status": "failed"})
    run.finish("deploy", "k", {"status": "ok"})
    assert run.finished("deploy", "k") == {"status": "ok"}


def test_lock_names_the_holder_and_is_free_again_when_it_is_killed(run):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(run.path), "stage"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match=rf"in use by process {holder.pid}; wait for it to end or .*--out$"):
            run.lock("stage").__enter__()
        with run.lock("run"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with run.lock("stage"):
            pass


def test_lock_names_this_process_when_it_is_taken_twice(run):
    with run.lock("stage"), pytest.raises(BusyError, match=f"process {os.getpid()};"), run.lock("stage"):
        pytest.fail("a lock was given twice")


def test_lock_is_free_again_when_its_body_raises(run):
    with pytest.raises(RuntimeError, match="inside"), run.lock("stage"):
        raise RuntimeError("inside")
    with run.lock("stage"):
        pass


def test_removable_keeps_results_when_not_everything_is_to_go(run):
    fill(run, jobs__a_dot_json=10, models__d1__model=1000, logs__a_dot_log=5, results_dot_csv=7, report_dot_html=9)
    fill(run, plots__speed_dot_png=11, raw__a_dot_json=3, explore__results_dot_csv=8)
    found = {path.name: size for path, size in removable(run.path, everything=False)}
    assert found == {"jobs": 10, "models": 1000, "logs": 5, "raw": 3}
    assert not set(found) & set(KEPT)


def test_removable_names_the_folder_when_everything_is_to_go(run):
    fill(run, jobs__a_dot_json=10, results_dot_csv=7)
    assert removable(run.path, everything=True) == [(run.path, 17)]


def test_removable_does_not_follow_when_a_link_leads_out(run, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data").write_bytes(b"x" * 100_000)
    (run.models / "link").symlink_to(tmp_path / "precious")
    assert sum(size for _, size in removable(run.path, everything=True)) < 100_000
    remove([run.path])
    assert (tmp_path / "precious" / "data").exists()


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
def test_removable_refuses_when_it_is_no_run_folder(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=rf"{name}: not a run folder"):
        removable(tmp_path / name, everything=True)


def test_remove_is_quiet_when_something_is_gone_already(run):
    fill(run, jobs__a_dot_json=10, results_dot_csv=7)
    remove([run.path / "jobs", run.path / "results.csv", run.path / "never_there"])
    assert not (run.path / "jobs").exists()
    assert not (run.path / "results.csv").exists()
    assert run.models.is_dir()
