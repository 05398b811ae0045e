"""The check for owners of a GPU: green only when something ran there, and nothing private in what it writes."""

import json
import zipfile
from pathlib import Path

import pytest

from benchmarks.gpu_check import __main__ as command
from benchmarks.gpu_check.bundle import private_places, scrub, write_bundle
from benchmarks.gpu_check.subjects import deployments, subjects
from benchmarks.gpu_check.table import reasons, result_table, unavailable_table
from workbench.backends.registry import BACKENDS
from workbench.experiment import Recipe, validate
from workbench.records import Device, Metric, Precision, Record, Scope, Status

NO_GPU = "no NVIDIA GPU with a working driver on this machine"


def row(**changes):
    base = {
        "model": "net", "backend": "tensorrt", "device": "gpu", "precision": "int8", "method": "static", "scope": "runtime", "status": "ok",
        "latency_p50_ms": 1.2345, "metric_value": 98.5, "gpu_memory_mb": 812.4,
    }  # fmt: skip
    return Record(**base | changes)


def part(name, value, **changes):
    base = {
        "model": "net",
        "model_digest": "",
        "backend": "tensorrt",
        "device": "gpu",
        "precision": "int8",
        "method": "static",
        "scope": "runtime",
    }
    return Metric(**base | {"name": name, "value": value} | changes)


ON_CPU = row(backend="onnxruntime", device="cpu", metric_value=99.1, gpu_memory_mb=None)
MATRIX = [
    {"backend": "onnxruntime", "device": "cpu", "precision": "fp32", "status": "ready", "reason": ""},
    {"backend": "tensorrt", "device": "gpu", "precision": "int8", "status": "unavailable", "reason": NO_GPU},
]


def test_table_sets_the_cpus_metric_and_the_parts_beside_a_row_when_they_are_known():
    metrics = [
        part("host_to_device_ms", 0.1),
        part("inference_ms", 1.0),
        part("device_to_host_ms", 0.05),
        part("inference_ms", 9, precision="fp16"),
    ]
    heading, line = result_table([ON_CPU, row()], metrics).splitlines()
    assert heading.split("  ")[0] == "model"
    assert line.split() == [
        "net",
        "tensorrt",
        "int8",
        "ok",
        "98.50",
        "99.10",
        "1.234",
        "0.100",
        "1.000",
        "0.050",
        "812",
    ]


def test_table_compares_fp32_with_fp32_when_the_cpu_ran_both():
    in_float = [
        row(backend="onnxruntime", device="cpu", precision="fp32", method="none", metric_value=99.7),
        row(precision="fp16", method="none"),
    ]
    assert "99.70" in result_table([ON_CPU, *in_float], [])


def test_reasons_are_those_of_rows_on_a_gpu_when_they_are_not_ok():
    bad = row(status="unsupported", reason="no INT8 here", pinned=True)
    assert reasons([ON_CPU, row(), bad]) == ["net on tensorrt, int8+pm: unsupported: no INT8 here"]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([row(), row(status="unsupported")], ""),
        ([row(), row(status="crashed", precision="fp16")], "1 of 2 rows failed, tensorrt fp16 of net the first"),
        ([ON_CPU, row(status="unavailable")], "nothing ran: no row on a GPU is ok"),
        ([ON_CPU], "nothing ran: no row on a GPU is ok"),
        ([], "nothing ran: no row on a GPU is ok"),
    ],
)  # fmt: skip
def test_verdict_is_bad_when_nothing_ran_on_a_gpu_or_something_failed(records, said):
    assert command.verdict(records) == said


def test_check_is_red_with_one_line_and_a_bundle_when_there_is_no_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        command, "doctor", lambda: {"matrix": MATRIX, "findings": [{"problem": "x", "cure": "y"}], "machine": {}}
    )
    assert command.main(["--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert NO_GPU in printed.out
    assert "broken: x; y" in printed.out
    said = [line for line in printed.err.splitlines() if line.startswith("gpu-check: ")]
    assert said == ["gpu-check: nothing ran: no backend is ready on a GPU of this machine"]
    (bundle,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(bundle) as file:
        assert json.loads(file.read("doctor.json"))["matrix"] == MATRIX
        assert "numpy==" in file.read("versions.txt").decode()


def test_check_ends_in_one_line_when_its_folder_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command.main(["--out", str(tmp_path / "file")]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gpu-check: ")]
    assert said == [
        f"gpu-check: File exists: {tmp_path}/file; free space, mend the permissions, or choose another folder with --out"
    ]


def test_unavailable_table_lists_gpus_only_when_doctor_knows_more():
    lines = unavailable_table(MATRIX).splitlines()
    assert [line.split()[0] for line in lines] == ["backend", "tensorrt"]
    assert lines[1].endswith(NO_GPU)


def test_every_backend_and_precision_on_gpu_is_run_when_the_check_is():
    asked = {
        (one["backend"], precision) for one in deployments() if one["device"] == "gpu" for precision in one["precision"]
    }
    offered = {(name, str(p)) for name, backend in BACKENDS.items() for p in backend.precisions.get(Device.GPU, ())}
    assert asked == offered
    assert {
        "backend": "tensorrt",
        "device": "gpu",
        "precision": [str(Precision.INT8_FP16)],
        "pinned": True,
    } in deployments()


def test_recipes_are_valid_when_they_are_checked():
    for recipe in subjects():
        assert validate(Recipe, recipe, where="gpu-check").measure.scopes == [Scope.RUNTIME]


def test_bundle_holds_no_path_of_its_user_when_a_run_is_packed(copy_of_run, tmp_path, monkeypatch):
    monkeypatch.setenv("USER", "wilhelmina")
    data = tmp_path / "elsewhere" / "data"
    data.mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    (copy_of_run.folder / "logs" / "extra.log").write_text(
        f"{Path.home()}/x by wilhelmina in {tmp_path}/link and {data}\n"
    )
    folders = {"REPOSITORY": command.REPOSITORY, "DATA": tmp_path / "link"}
    doctor = {"cwd": str(command.REPOSITORY)}
    made = write_bundle(
        tmp_path / "b.zip", doctor=doctor, runs=[copy_of_run.folder], table=f"at {tmp_path}", folders=folders
    )
    with zipfile.ZipFile(made) as file:
        names = file.namelist()
        text = "\n".join(file.read(name).decode() for name in names)
        assert file.read("run/logs/extra.log").decode() == "HOME/x by USER in DATA and DATA\n"
    assert {"doctor.json", "versions.txt", "table.txt", "run/results.csv", "run/logs/extra.log"} <= set(names)
    for private in (str(command.REPOSITORY), str(tmp_path), f"{Path.home()}/", "wilhelmina"):
        assert private not in text, private


def test_scrub_takes_the_longest_place_first_when_one_lies_in_another():
    places = private_places({"REPOSITORY": Path("/data/me/checkout"), "RUNS": Path("/data/me/checkout/runs/out")})
    assert scrub("/data/me/checkout/runs/out/x /data/me/checkout/y", places) == "RUNS/x REPOSITORY/y"


def test_status_words_are_those_of_the_rows_when_a_verdict_is_given():
    assert set(command.BAD) == {Status.FAILED, Status.CRASHED, Status.TIMEOUT}
