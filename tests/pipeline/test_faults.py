"""Workers that really die or hang, tasks that are wrong, and disks that are full: each becomes a row or one line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench import pipeline
from workbench.pipeline import Stage
from workbench.pipeline.report import problems
from workbench.records import Precision, Status, read_records

ROW = "onnxruntime-cpu-int8-t1-b1-static-hist"
BASELINE = "onnxruntime-cpu-fp32-t1-b1-fp32"
HANG_TIMEOUT_S = 10
LAST_WORDS = "terminate called after a made-up error"
BAD_ENDS = [
    ("abort", "crashed", rf"crashed \(SIGABRT\): .*{LAST_WORDS}"),
    ("segfault", "crashed", r"crashed \(SIGSEGV\)"),
    ("kill", "crashed", r"killed \(SIGKILL\), probably because memory ran out"),
    ("hang", "timeout", rf"no answer within {HANG_TIMEOUT_S} s"),
    ("exit", "crashed", r"ended without an answer \(exit code 3\)"),
    ("raise", "failed", "RuntimeError: a made-up error"),
]


def statuses(cells):
    return {key: str(record["status"]) for key, record in cells.items()}


def temporary_files(folder):
    return [p for p in folder.rglob("*") if re.search(r"\.unfinished|^\.[^.]+.*\.[0-9a-f]{8}$", p.name)]


# A worker ends badly


@pytest.mark.parametrize(
    ("where", "kind", "status", "reason"),
    [("preprocess", *end) for end in BAD_ENDS] + [("open", *end) for end in BAD_ENDS[:4]],
)
def test_accuracy_goes_on_when_one_worker_ends_badly(copy_of_run, write_recipe, where, kind, status, reason):
    if kind == "hang":
        write_recipe(measure={"timeout_s": HANG_TIMEOUT_S})
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind=kind, where=where, loaded="onnxruntime")
    experiment = copy_of_run.open()
    cells = pipeline.accuracy(experiment)["cells"]
    assert statuses(cells).pop(ROW) == status
    assert {s for key, s in statuses(cells).items() if key != ROW} == {"ok"}
    assert re.match(reason, cells[ROW]["reason"])
    assert len(cells[ROW]["reason"].splitlines()) == 1
    assert problems(experiment, Stage.ACCURACY) == [f"{ROW}: {status}: {cells[ROW]['reason']}"]


def test_row_says_how_its_worker_ended_when_the_report_is_written(copy_of_run, command):
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind="segfault", after=5, loaded="onnxruntime")
    code, _ = command("accuracy", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert code == 1
    pipeline.report(copy_of_run.open())
    rows = read_records(copy_of_run.folder)
    hit = [row for row in rows if row.backend == "onnxruntime" and row.precision is Precision.INT8]
    assert [row.status for row in hit] == [Status.CRASHED] * 2
    assert all(row.reason.startswith("accuracy: crashed (SIGSEGV)") for row in hit)
    assert all(row.metric_value is None for row in hit)
    assert sum(row.status is Status.OK for row in rows) == 6


def test_row_is_measured_after_all_when_the_fault_is_gone(copy_of_run, started_workers):
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind="kill", loaded="onnxruntime")
    pipeline.accuracy(copy_of_run.open())
    copy_of_run.break_task()
    assert set(statuses(pipeline.accuracy(copy_of_run.open())["cells"]).values()) == {"ok"}
    assert started_workers == [f"accuracy-evaluate-{ROW}"] * 2


def test_deploy_goes_on_when_a_backend_dies_while_opening(copy_of_run):
    copy_of_run.forget(f"check-{ROW}")
    copy_of_run.break_task(kind="abort", where="open")
    experiment = copy_of_run.open()
    cells = pipeline.deploy(experiment)["cells"]
    assert cells[ROW]["status"] == "crashed"
    assert re.match(rf"opening the model: crashed \(SIGABRT\): .*{LAST_WORDS}", cells[ROW]["reason"])
    assert [key for key, status in statuses(cells).items() if status == "ok"] == [
        "paddle_inference-cpu-fp32-t1-b1-fp32", "paddle_inference-cpu-int8-t1-b1-static-hist", BASELINE,
    ]  # fmt: skip
    assert len(problems(experiment, Stage.DEPLOY)) == 1


def test_deploy_fails_the_row_when_outputs_are_not_numbers(copy_of_run):
    copy_of_run.forget(f"check-{BASELINE}")
    copy_of_run.break_task(kind="nan", loaded="onnxruntime")
    cells = pipeline.deploy(copy_of_run.open())["cells"]
    assert cells[BASELINE]["status"] == "failed"
    assert "not finite" in cells[BASELINE]["reason"]


def test_latency_goes_on_when_a_model_dies_in_a_block(copy_of_run):
    copy_of_run.forget(ROW)
    # The first eight calls prepare the batches of the runtime scope; later ones are calls of the end-to-end scope.
    copy_of_run.break_task(kind="abort", after=10, loaded="onnxruntime")
    experiment = copy_of_run.open()
    cells = pipeline.latency(experiment)["cells"]
    assert cells[ROW]["status"] == "crashed"
    assert re.search(LAST_WORDS, cells[ROW]["reason"])
    assert {status for key, status in statuses(cells).items() if key != ROW} == {"ok"}
    assert [line.split(":")[0] for line in problems(experiment, Stage.LATENCY)] == [ROW]
    pipeline.report(experiment)
    hit = [row for row in read_records(copy_of_run.folder) if row.status is Status.CRASHED]
    assert {(row.backend, row.precision) for row in hit} == {("onnxruntime", "int8")}
    assert all(row.speedup_vs_fp32 is None for row in hit)


def test_latency_has_no_speedup_when_the_baseline_dies(copy_of_run):
    copy_of_run.forget(BASELINE, ROW)
    copy_of_run.break_task(kind="abort", where="open")
    cells = pipeline.latency(copy_of_run.open())["cells"]
    assert {cells[key]["status"] for key in (BASELINE, ROW)} == {"crashed"}
    assert cells[ROW]["scopes"] == {}
    assert cells["paddle_inference-cpu-int8-t1-b1-static-hist"]["status"] == "ok"


def test_int8_rows_say_so_when_quantizing_dies(copy_of_run):
    copy_of_run.forget("static-hist")
    copy_of_run.break_task(kind="abort", part="calibration", after=3)
    experiment = copy_of_run.open()
    models = pipeline.quantize(experiment)["models"]
    assert statuses(models) == {"fp32": "ok", "static-hist": "crashed"}
    assert len(problems(experiment, Stage.QUANTIZE)) == 1
    cells = pipeline.deploy(experiment)["cells"]
    assert cells[ROW]["status"] == "crashed"
    assert cells[ROW]["reason"].startswith("no model: crashed (SIGABRT)")
    assert cells[BASELINE]["status"] == "ok"
    assert temporary_files(copy_of_run.folder) == []


def test_model_is_refused_in_one_line_when_its_file_was_changed(copy_of_run, command):
    (record,) = copy_of_run.jobs("static-hist").values()
    folder = copy_of_run.folder / "models" / record["value"]["digest"]
    file = folder / "model.pdiparams"
    file.write_bytes(file.read_bytes()[:-10])
    code, lines = command("quantize", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert code == 2
    assert lines == [
        f"workbench: model file {file}: missing or changed since it was made; remove {folder} and run again"
    ]


# The user's task is at fault


def write_task(folder: Path, body: str) -> Path:
    path = folder / "task.py"
    path.write_text(body)
    return path


MINIMAL = """
from workbench.tasks import Sample, Task, TaskOptions
class Mine(Task):
    primary_metric = "top1"
    def calibration(self): return []
    def evaluation(self): return []
    def preprocess(self, image): return {}, None
    def postprocess(self, outputs, meta): return None
    def metric(self, predictions, truths): return {}
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def broken(:\n", r"SyntaxError while loading it"),
        ("import no_such_module\n", r"ModuleNotFoundError while loading it: No module named 'no_such_module'"),
        ("x = 1\n", r"0 subclasses of workbench.tasks.Task in it; there must be exactly one"),
        (MINIMAL + MINIMAL.replace("Mine", "Other"), r"2 subclasses of workbench.tasks.Task in it"),
        (MINIMAL.replace("def metric", "def score"), r"Mine lacks metric, which every Task has"),
        (MINIMAL, r"its calibration set is empty; give it data"),
    ],
)
def test_task_file_is_refused_in_one_line_when_it_is_wrong(write_recipe, command, tmp_path, body, said):
    path = write_task(tmp_path, body)
    code, lines = command("quantize", write_recipe(task={"file": str(path)}), "--out", tmp_path / "run")
    assert code == 2
    (line,) = lines
    assert str(path) in line
    assert re.search(said, line)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"file": "absent.py"}, r"task file .*/absent\.py: no such file; the path is relative to the recipe"),
        (
            {"name": "no_such_task"},
            r"task 'no_such_task': not known; tasks are: classification, .*, text; or give",
        ),
        ({"options": {"images": 3}}, r"unknown key `images`; known keys here: calibration_images, evaluation_images"),
        (
            {"options": {"calibration_images": "many"}},
            r"`calibration_images` = 'many': input should be a valid integer",
        ),
        ({"options": {"evaluation_images": 0}}, r"its evaluation set is empty; give it data"),
        (
            {"options": {"shared_images": 3}},
            r"3 samples are in both calibration and evaluation, such as 'calibration_000'; keep them apart",
        ),
    ],
)
def test_task_is_refused_in_one_line_when_its_options_or_data_are_wrong(
    write_recipe, command, tiny_task_file, tmp_path, task, said
):
    whole = task if "name" in task else {"file": str(tiny_task_file)} | task
    code, lines = command("quantize", write_recipe(task=whole), "--out", tmp_path / "run")
    assert code == 2
    (line,) = lines
    assert re.search(said, line)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dtype", "input 'image': dtype float64 given, the model takes float32; cast it in the task's preprocess"),
        (
            "shape",
            "input 'image': shape [1, 2, 16, 16] given, the model takes [-1, 3, 16, 16]; mend the task's preprocess",
        ),
        ("name", "input 'image' is missing; the model needs: image float32 Nx3x16x16"),
    ],
)
def test_preprocess_is_refused_in_one_line_when_the_model_takes_other_inputs(copy_of_run, command, kind, said):
    copy_of_run.forget(f"evaluate-{ROW}")
    copy_of_run.break_task(kind=kind)
    code, lines = command("accuracy", copy_of_run.recipe, "--out", copy_of_run.folder)
    assert code == 2
    assert lines == [f"workbench: {said}"]


@pytest.mark.parametrize(
    ("stage", "job", "part"), [("quantize", "static", "calibration"), ("deploy", "reference", "evaluation")]
)
def test_first_use_of_preprocess_refuses_its_inputs_when_they_are_wrong(copy_of_run, command, stage, job, part):
    copy_of_run.forget(job)
    copy_of_run.break_task(kind="name", part=part)
    code, lines = command(stage, copy_of_run.recipe, "--out", copy_of_run.folder)
    assert code == 2
    assert lines == ["workbench: input 'image' is missing; the model needs: image float32 Nx3x16x16"]
    assert temporary_files(copy_of_run.folder) == []


# The output folder is at fault


def test_output_is_refused_when_it_is_a_file(write_recipe, command, tmp_path):
    (tmp_path / "file").write_text("something of the user's")
    code, lines = command("quantize", write_recipe(), "--out", tmp_path / "file")
    assert code == 2
    assert lines == [f"workbench: run folder {tmp_path}/file: Not a directory; choose another with --out"]
    assert (tmp_path / "file").read_text() == "something of the user's"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_is_refused_when_it_may_not_be_written(write_recipe, command, tmp_path):
    (tmp_path / "mine").mkdir(mode=0o500)
    code, lines = command("quantize", write_recipe(), "--out", tmp_path / "mine" / "run")
    assert code == 2
    assert lines == [f"workbench: run folder {tmp_path}/mine/run: Permission denied; choose another with --out"]


def test_output_is_refused_when_the_kernel_forbids_it(write_recipe, command):
    code, lines = command("quantize", write_recipe(), "--out", "/proc/workbench/run")
    assert code == 2
    assert re.fullmatch(r"workbench: run folder /proc/workbench/run: .*; choose another with --out", lines[0])


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, to be filled; skips where mounting one is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, *, leave: int) -> Path:
    """Take all space of a file system but `leave` bytes."""
    filler = folder / "filler"
    state = os.statvfs(folder)
    with filler.open("wb") as file:
        file.write(b"\0" * (state.f_bavail * state.f_frsize - leave))
    return filler


@pytest.mark.parametrize(
    ("stage", "forgotten", "leave"),
    [
        ("quantize", ("import",), 8192),
        ("quantize", ("static-hist",), 20480),
        ("deploy", ("prepare-onnxruntime-cpu-static-hist",), 8192),
        ("accuracy", (f"evaluate-{ROW}",), 0),
        ("latency", (ROW,), 0),
        ("report", (), 16384),
    ],
)
def test_stage_stops_in_one_line_when_the_disk_is_full(copy_of_run, small_disk, command, stage, forgotten, leave):
    run = copy_of_run.moved_to(small_disk / "run")
    for record in run.jobs().values():
        if record["name"] in forgotten and isinstance(record["value"], dict) and "digest" in record["value"]:
            shutil.rmtree(run.folder / "models" / record["value"]["digest"])
    run.forget(*forgotten)
    kept = [path for path, record in run.jobs().items() if not record["name"].startswith(("probe", "task"))]
    before = {path: path.read_bytes() for path in (*kept, *run.folder.glob("results.*"))}
    filler = fill(small_disk, leave=leave)
    code, lines = command(stage, run.recipe, "--out", run.folder)
    assert (code, len(lines)) == (2, 1), lines
    assert re.match(r"workbench: No space left on device: .+; free space, .* or choose another", lines[0])
    assert temporary_files(small_disk) == []
    assert {path: path.read_bytes() for path in before} == before
    if stage in ("accuracy", "report"):
        filler.unlink()
        assert command(stage, run.recipe, "--out", run.folder)[0] == 0
