"""The command line as a user meets it: exit codes, what it says, and what Ctrl-C and kill -9 leave behind."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import typer
from typer.testing import CliRunner

from workbench import cli
from workbench.experiment import RECIPES
from workbench.records import Scope, read_records

COMMAND = (sys.executable, "-m", "workbench.cli")
SHIPPED = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
ROW = "onnxruntime-cpu-int8-t1-b1-static-hist"
INTERRUPT_LIMIT_S = 10


def separately(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def workbench(monkeypatch, capsys):
    """Run a command in this process, as `separately` does in another, which takes a second to start."""

    def run(*arguments, answer=""):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, *capsys.readouterr())

    return run


def hear_interrupts():
    """For a command that is to be interrupted: where the tests run in the background, the shell had SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def complaints(finished):
    """What it said of what is wrong."""
    return [line for line in finished.stderr.splitlines() if line.startswith("workbench: ")]


# What to ask it


@pytest.fixture(scope="module")
def doctors_answer():
    return separately("doctor", "--json")


def test_doctor_gives_valid_json_when_asked(doctors_answer):
    assert doctors_answer.returncode == 0
    found = json.loads(doctors_answer.stdout)
    ready = {(row["backend"], row["device"], row["precision"]) for row in found["matrix"] if row["status"] == "ready"}
    assert {(b, "cpu", p) for b in ("paddle_inference", "onnxruntime") for p in ("fp32", "int8")} <= ready
    missing = [row for row in found["matrix"] if row["status"] == "unavailable"]
    assert all(row["reason"] for row in missing)
    assert "avx512_vnni" in found["isa"]
    assert found["machine"]["cpu"]["cores"] >= 1


def test_doctor_prints_tables_when_no_json_is_asked_for(doctors_answer, monkeypatch, capsys):
    answer = json.loads(doctors_answer.stdout)
    monkeypatch.setattr(sys.modules["workbench.pipeline.doctor"], "doctor", lambda: answer)
    monkeypatch.setattr(sys, "argv", ["workbench", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in ("avx512_vnni", "paddle_inference", "onnxruntime", "tensorrt", "paddle_lite", "pip install paddlelite"):
        assert word in said


def test_recipes_lists_the_shipped_ones_when_asked(workbench):
    finished = workbench("recipes")
    assert finished.returncode == 0
    assert re.search(r"^demo: digits_mobilenet_v1, digits_classification$", finished.stdout, re.MULTILINE)


@pytest.mark.parametrize("what", ["recipe", "results"])
def test_schema_gives_valid_json_when_asked(workbench, what):
    finished = workbench("schema", what)
    assert finished.returncode == 0
    assert json.loads(finished.stdout)["$schema"].startswith("https://json-schema.org/")


def test_schema_gives_the_reference_page_when_asked(workbench):
    finished = workbench("schema", "reference")
    assert finished.returncode == 0
    assert finished.stdout.startswith("# Reference")
    assert "| 130 | interrupted" in finished.stdout


COMMANDS = typer.main.get_command(cli.app).commands
GROUPED = [(group, name) for group, found in COMMANDS.items() for name in getattr(found, "commands", ())]


@pytest.mark.parametrize("names", [*((name,) for name in COMMANDS), *GROUPED], ids=" ".join)
def test_help_is_shown_when_a_command_is_asked_for_it(names):
    shown = CliRunner().invoke(cli.app, [*names, "--help"])
    assert shown.exit_code == 0, shown.exception
    assert "Usage:" in shown.output


# Bad input


@pytest.mark.parametrize(
    "arguments", [(), ("frobnicate",), ("run",), ("quantize", "demo", "--no-such-option"), ("schema", "nothing")]
)
def test_exit_code_is_2_when_the_command_is_wrong(workbench, arguments):
    finished = workbench(*arguments)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert "Usage:" in finished.stdout if not arguments else "see workbench --help" in complaints(finished)[0]


def test_exit_code_is_2_when_the_recipe_is_unknown(workbench, tmp_path):
    finished = workbench("quantize", "no_such_recipe", "--out", tmp_path)
    assert finished.returncode == 2
    (line,) = complaints(finished)
    assert line == "workbench: recipe 'no_such_recipe': no such file or shipped recipe; shipped are: " + SHIPPED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantise": []}, "unknown key `quantise`; known keys here: schema_version, name, model"),
        (
            {"deploy": [{"backend": "onnxrt", "precision": "int8"}]},
            "`deploy.0.backend` = 'onnxrt': not known; backends are:",
        ),
        ({"deploy": [{"backend": "onnxruntime", "precision": "int9"}]}, "`deploy.0.precision.0` = 'int9'"),
        ({"deploy": [{"backend": "onnxruntime", "precision": "int8", "cores": 2}]}, "unknown key `cores`"),
        ({"quantize": [{"method": "magic"}]}, "`quantize.0.method` = 'magic': not known; methods are: "),
        ({"quantize": [{"method": "static", "algo": "magic"}]}, "`algo` = 'magic'"),
        ({"measure": {"repeats": 0}}, "`measure.repeats` = 0"),
        ({"model": {"path": "absent.onnx"}}, "absent.onnx: no such file; the path is relative to the recipe"),
    ],
)
def test_exit_code_is_2_when_the_recipe_is_wrong(write_recipe, command, tmp_path, changes, said):
    code, (line,) = command("quantize", write_recipe(**changes), "--out", tmp_path / "run")
    assert code == 2
    assert said in line
    assert not (tmp_path / "run").exists()


def test_exit_code_is_2_when_a_stage_comes_too_early(workbench, write_recipe, tmp_path):
    recipe = write_recipe()
    finished = workbench("latency", recipe, "--out", tmp_path / "run")
    assert finished.returncode == 2
    assert complaints(finished) == [
        f"workbench: run folder {tmp_path}/run: stage deploy has not run; run `workbench deploy {recipe}` first"
    ]


def test_exit_code_is_2_when_only_names_no_row(finished_run, command, tmp_path):
    code, (line,) = command("latency", finished_run.recipe, "--out", tmp_path / "run", "--only", "onnxruntime/cpu/int4")
    assert code == 2
    assert "--only 'onnxruntime/cpu/int4': no such row; rows are: paddle_inference/cpu/fp32" in line


def test_exit_code_is_2_before_anything_runs_when_junit_cannot_be_written(finished_run, command, tmp_path):
    (tmp_path / "file").write_text("")
    for target, said in (
        (tmp_path, "this is a folder; give a file in it"),
        (tmp_path / "file" / "junit.xml", "exists"),
    ):
        code, (line,) = command("run", finished_run.recipe, "--out", tmp_path / "run", "--junit", target)
        assert code == 2
        assert line.startswith(f"workbench: --junit {target}: ")
        assert said in line


# Stages


def test_stages_say_done_when_they_went_well(workbench, copy_of_run):
    for stage in ("quantize", "latency", "report"):
        finished = workbench(stage, copy_of_run.recipe, "--out", copy_of_run.folder)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.splitlines()[-1] == f"{stage}: done; {copy_of_run.folder}"


def test_stage_says_failed_when_a_job_crashes(workbench, copy_of_run):
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind="abort", loaded="onnxruntime")
    finished = workbench("accuracy", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert finished.returncode == 1
    assert f"{ROW}: crashed: crashed (SIGABRT)" in finished.stdout
    assert finished.stdout.splitlines()[-1] == f"accuracy: failed; {copy_of_run.folder}"


def test_reports_of_two_runs_are_one_when_both_are_named(workbench, finished_run, copy_of_run, tmp_path):
    results = copy_of_run.folder / "results.json"
    results.write_text(results.read_text().replace('"machine_id": "', '"machine_id": "other-'))
    finished = workbench("report", finished_run.folder, copy_of_run.folder, "--out", tmp_path / "merged")
    assert finished.returncode == 0, finished.stderr
    merged = read_records(tmp_path / "merged")
    assert len({row.machine_id for row in merged}) == 2
    assert len(merged) == 2 * len(read_records(finished_run.folder))
    assert (tmp_path / "merged" / "report.html").stat().st_size > 10_000


# Comparing


def test_compare_finds_nothing_when_a_run_meets_itself(workbench, finished_run):
    finished = workbench("compare", finished_run.folder, finished_run.folder, "--fail-on", "slower:5%,drop:0.5")
    assert finished.returncode == 0
    assert "slower" not in finished.stdout.replace("slower:5%", "")


def test_compare_fails_when_a_row_became_slower_than_allowed(workbench, finished_run, copy_of_run):
    results = copy_of_run.folder / "results.json"
    data = json.loads(results.read_text())
    for row in data["rows"]:
        if row["backend"] == "onnxruntime" and row["status"] == "ok":
            for name in ("latency_mean_ms", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms"):
                row[name] *= 50
    results.write_text(json.dumps(data))
    finished = workbench("compare", finished_run.folder, copy_of_run.folder, "--fail-on", "slower:5%")
    assert finished.returncode == 1
    assert "limit 5 %" in finished.stdout
    assert workbench("compare", finished_run.folder, copy_of_run.folder).returncode == 0


def test_compare_fails_when_a_row_is_gone(workbench, finished_run, copy_of_run):
    results = copy_of_run.folder / "results.json"
    data = json.loads(results.read_text())
    data["rows"] = [row for row in data["rows"] if row["scope"] == Scope.RUNTIME]
    results.write_text(json.dumps(data))
    finished = workbench("compare", finished_run.folder, copy_of_run.folder)
    assert finished.returncode == 1
    assert "ok in A, not in B" in finished.stdout


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("slower:5", "slower:5 has no percent sign"),
        ("faster:5%", "'faster:5%' is neither"),
        ("drop:much", "`drop` = 'much' is not a number"),
    ],
)
def test_compare_refuses_limits_when_they_are_not_understood(finished_run, command, limits, said):
    code, (line,) = command("compare", finished_run.folder, finished_run.folder, "--fail-on", limits)
    assert code == 2
    assert said in line
    assert "write it like slower:5%,drop:0.5" in line


def test_compare_refuses_a_folder_when_it_holds_no_run(finished_run, command, tmp_path):
    assert command("compare", finished_run.folder, tmp_path) == (
        2, [f"workbench: {tmp_path}: no results.json in it; give the folder of a finished run, such as runs/demo"],
    )  # fmt: skip


# Cleaning


def test_clean_removes_nothing_when_the_answer_is_no(workbench, copy_of_run):
    before = sorted(copy_of_run.folder.rglob("*"))
    finished = workbench("clean", copy_of_run.folder, answer="n\n")
    assert finished.returncode == 0
    assert f"MB  {copy_of_run.folder}/models" in finished.stdout
    assert "remove these" in finished.stdout
    assert sorted(copy_of_run.folder.rglob("*")) == before


def test_clean_keeps_the_results_when_told_yes(workbench, copy_of_run):
    finished = workbench("clean", copy_of_run.folder, answer="y\n")
    assert finished.returncode == 0
    left = {path.name for path in copy_of_run.folder.iterdir()}
    assert {"results.csv", "results.json", "metrics.csv", "report.html", "plots", "machine.json"} <= left
    assert not {"models", "jobs", "raw", "outputs"} & left
    assert workbench("compare", copy_of_run.folder, copy_of_run.folder).returncode == 0


def test_clean_removes_the_whole_folder_when_everything_is_meant(workbench, copy_of_run):
    assert workbench("clean", copy_of_run.folder, "--all", "--yes").returncode == 0
    assert not copy_of_run.folder.exists()


def test_clean_refuses_a_folder_when_it_is_not_a_run(workbench, tmp_path):
    (tmp_path / "precious").mkdir()
    finished = workbench("clean", tmp_path / "precious", "--all", "--yes")
    assert finished.returncode == 2
    assert f"{tmp_path}/precious: not a run folder" in complaints(finished)[0]
    assert (tmp_path / "precious").is_dir()


# Ctrl-C, kill -9, two at once


@pytest.fixture
def start():
    """Start a command and wait until its task hangs; gives the process and all that it started. Kills what is left."""
    started = []

    def begin(run, *arguments, timeout=60):
        hanging = run.recipe.parent / "hanging"
        hanging.unlink(missing_ok=True)
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments), "--out", str(run.folder)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=hear_interrupts,
        )  # fmt: skip
        started.append(process)
        deadline = time.monotonic() + timeout
        while not (hanging.exists() and hanging.read_text()):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "the task was never called"
            time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
        assert int(hanging.read_text()) in {member.pid for member in family}
        return process, family

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def assert_gone(family):
    _, alive = psutil.wait_procs(family, timeout=INTERRUPT_LIMIT_S)
    assert [member for member in alive if member.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stage_takes_up_where_it_stopped_when_it_was_ended(copy_of_run, start, how):
    copy_of_run.forget("import", f"evaluate-{ROW}")
    copy_of_run.break_task(kind="hang", loaded="onnxruntime")
    process, family = start(copy_of_run, "accuracy", copy_of_run.recipe)
    finished_jobs = {path: path.read_text() for path in copy_of_run.jobs()}
    process.send_signal(how)
    said = process.communicate(timeout=INTERRUPT_LIMIT_S)[0]
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    if how is signal.SIGINT:
        assert "interrupted; the same command takes up where this stopped" in said
        assert "Traceback" not in said
    assert_gone(family)
    copy_of_run.break_task()
    again = separately("accuracy", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert again.returncode == 0, again.stderr
    assert {path: path.read_text() for path in finished_jobs} == finished_jobs
    assert len(copy_of_run.jobs(f"evaluate-{ROW}")) == 1


def test_quantizing_leaves_nothing_half_made_when_it_was_killed(copy_of_run, start):
    (record,) = copy_of_run.jobs("static-hist").values()
    shutil.rmtree(copy_of_run.folder / "models" / record["value"]["digest"])
    copy_of_run.forget("static-hist")
    copy_of_run.break_task(kind="hang", part="calibration", after=3)
    process, family = start(copy_of_run, "quantize", copy_of_run.recipe)
    process.kill()
    process.communicate()
    assert_gone(family)
    copy_of_run.break_task()
    again = separately("quantize", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert again.returncode == 0, again.stderr
    assert [
        path.name for path in (copy_of_run.folder / "models").iterdir() if not (path / "manifest.json").is_file()
    ] == []


def test_second_command_is_refused_when_the_first_still_works(copy_of_run, start):
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind="hang", loaded="onnxruntime")
    process, _ = start(copy_of_run, "accuracy", copy_of_run.recipe)
    second = separately("latency", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert second.returncode == 2
    assert complaints(second) == [
        f"workbench: run folder {copy_of_run.folder} is in use by process {process.pid}; wait for it to end or choose another with --out"
    ]
    process.kill()
    process.communicate()
    copy_of_run.break_task()
    assert separately("latency", copy_of_run.recipe, "--out", copy_of_run.folder).returncode == 0


def members(folder):
    """The processes that have something in a folder on their command line: a run's command, kernels and workers."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if str(folder) in line and process.status() != psutil.STATUS_ZOMBIE:
                found[process] = line
    return found


def wait_until(condition, what, limit_s):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_run_leaves_no_process_when_it_was_ended(copy_of_run, tmp_path, how):
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [*COMMAND, "run", str(copy_of_run.recipe), "--out", str(copy_of_run.folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")}, preexec_fn=hear_interrupts,
    )  # fmt: skip
    try:
        for part in ("ipykernel", "workbench.worker"):
            wait_until(
                lambda part=part: any(part in line for line in members(tmp_path).values()), f"no {part} was started", 60
            )
        second = separately("run", copy_of_run.recipe, "--out", copy_of_run.folder)
        assert second.returncode == 2
        assert f"is in use by process {process.pid};" in complaints(second)[0]
        process.send_signal(how)
        said = process.communicate(timeout=INTERRUPT_LIMIT_S)[0]
        assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
        assert "Traceback" not in said
        wait_until(lambda: not members(tmp_path), "processes are left", INTERRUPT_LIMIT_S)
    finally:
        for left in members(tmp_path):
            left.kill()


def test_module_is_the_same_command_when_run_as_a_script():
    script = Path(sys.executable).with_name("workbench")
    finished = subprocess.run([script, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0
    for command in ("run", "quantize", "deploy", "accuracy", "latency", "report", "doctor", "compare", "clean"):
        assert command in finished.stdout
