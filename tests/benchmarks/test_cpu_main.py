"""The command of the CPU benchmark: what goes wrong is a row, and the tables are always written."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cpu import __main__ as command
from benchmarks.cpu import calibration, subjects
from benchmarks.cpu.crops import Crops, CropsOptions

REPOSITORY = Path(__file__).parents[2]


def read(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.cpu", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_names_models_and_parts_when_asked_for_help():
    done = run("--help")
    assert done.returncode == 0, done.stderr
    for name in (*subjects.SUBJECTS, *subjects.BACKEND_NAMES, calibration.BACKEND):
        assert name in done.stdout


def test_command_gives_rows_with_the_reason_when_the_trained_model_is_absent(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(subjects, "DATA", tmp_path / "nowhere")
    assert command.main(["--only", "nanodet_m", "--out", str(tmp_path)]) == 1
    rows = read(tmp_path)
    assert {row["backend"] for row in rows} == {*subjects.BACKEND_NAMES, calibration.BACKEND}
    assert all("WORKBENCH_CHECK_DATA" in row["reason"] and not row["ratio"] for row in rows)
    assert "nanodet_m" in capsys.readouterr().out


def test_command_keeps_the_other_models_when_one_cannot_be_built(tmp_path, monkeypatch):
    def source(subject, folder, *, smoke):
        raise RuntimeError(f"{subject.name} crashed")

    monkeypatch.setattr(command, "_source", source)
    for name in ("mobilenet_v1", "resnet50"):
        assert command.main(["--only", name, "--backend", "onnxruntime", "--out", str(tmp_path)]) == 1
    assert [(row["model"], row["reason"]) for row in read(tmp_path)] == [
        ("mobilenet_v1", "mobilenet_v1 crashed"),
        ("resnet50", "resnet50 crashed"),
    ]


def test_part_costs_its_own_rows_only_when_it_fails():
    rows = command.planned_rows(subjects.SUBJECTS["resnet50"], "openvino")

    def broken(part):
        raise KeyError(part)

    assert {row.reason for row in command._attempt(broken, "openvino", rows)} == {"KeyError: 'openvino'"}


def test_recipe_is_accepted_when_read_by_the_workbench(tmp_path):
    from workbench.experiment import Recipe

    for subject in subjects.SUBJECTS.values():
        recipe = Recipe.model_validate(subject.recipe(tmp_path / "net.onnx", subjects.BACKEND_NAMES, smoke=False))
        assert recipe.measure.rounds >= 10
        assert [entry.backend for entry in recipe.deploy] == list(subjects.BACKEND_NAMES)


def test_crops_are_disjoint_when_taken_from_the_bundled_photographs(tmp_path):
    task = Crops(CropsOptions(size=32, calibration_images=6, evaluation_images=6), tmp_path)
    sets = [{sample.digest for sample in part} for part in (task.calibration(), task.evaluation(), task.statistics())]
    assert [len(part) for part in sets] == [6, 6, 6]
    assert len(set.union(*sets)) == 18
    inputs, _ = task.preprocess(task.evaluation()[0].decode())
    assert inputs["image"].shape == (1, 3, 32, 32)
    assert inputs["image"].dtype == "float32"


@pytest.mark.slow
def test_smoke_run_measures_something_when_everything_is_small(tmp_path):
    done = run("--smoke", "--out", str(tmp_path))
    (row,) = read(tmp_path)
    assert (row["model"], row["backend"], row["weights"]) == ("mobilenet_v1", "onnxruntime", "random")
    if (REPOSITORY / ".venv-bench" / ".installed").exists():
        assert done.returncode == 0, done.stderr
        assert float(row["ratio"]) > 0
        assert float(row["ours_sqnr_db"]) > 0
    else:
        assert "bench-cpu" in row["reason"]
