"""NanoDet-m lowered for TensorRT and evaluated: one row for FP32, one for each quantized model and precision."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.trt_check import __main__ as command
from benchmarks.trt_check import accuracy
from workbench.launch import Outcome
from workbench.models.model import Format, Manifest, Model
from workbench.records import Status
from workbench.run_folder import RunFolder


@dataclass
class FakeExperiment:
    run: RunFolder
    task: dict


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Let quantizing give two Models, and every job succeed with these decibels; returns the jobs that are run."""
    run = RunFolder.create(tmp_path / "out" / "accuracy")
    digests = []
    for method, variant in (("none", ""), ("static", accuracy.BEST)):
        with Model.build(run.models) as draft:
            draft.manifest = Manifest(
                name="net", method=method, variant=variant, format=Format.PADDLE, inputs=(), outputs=()
            )
        digests.append(draft.model.digest)
    models = dict(zip(("fp32", "static"), ({"digest": digest} for digest in digests), strict=True))

    def pretend(*sqnr):
        done, decibels = [], iter([None, *sqnr])

        def run_job(function, arguments, **_):
            name = function.partition(":")[2]
            done.append((name, arguments))
            value = {"digest": "d", "samples": 3, "metrics": {"mAP": 28.0}, "drop": 0.5, "low": -1.0, "high": 2.0}
            if name == "evaluate_job":
                value["sqnr_db"] = next(decibels)
            return Outcome(Status.OK, value)

        monkeypatch.setattr(accuracy, "run_job", run_job)
        return done

    monkeypatch.setattr(accuracy, "DATA", tmp_path)
    (tmp_path / "coco").mkdir()
    monkeypatch.setattr(accuracy.pipeline, "open_experiment", lambda *_: FakeExperiment(run, {"spec": 1}))
    monkeypatch.setattr(accuracy.pipeline, "quantize", lambda _: {"models": models})
    return pretend


def run_command(folder, *options):
    return command.main(["--accuracy", "--out", str(folder), *options])


def test_every_precision_is_compared_with_fp32_when_measured(jobs, tmp_path):
    done = jobs(18.5, 18.4)
    assert run_command(tmp_path / "out", "--images", "3") == 0
    with (tmp_path / "out" / "accuracy.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["precision"], row["drop"]) for row in rows] == [
        ("none", "fp32", ""), ("static", "int8", "0.5"), ("static", "int8+fp16", "0.5"),
    ]  # fmt: skip
    evaluations = [arguments for name, arguments in done if name == "evaluate_job"]
    assert [arguments["compare"] for arguments in evaluations] == [False, True, True]
    assert {arguments["settings"]["options"]["graph_optimization"] for arguments in evaluations} == {"none"}
    drops = [arguments for name, arguments in done if name == "drop_job"]
    assert {arguments["baseline"] for arguments in drops} == {evaluations[0]["predictions"]}
    assert len({arguments["other"] for arguments in drops}) == 2


@pytest.mark.parametrize(
    ("int8", "half", "said"),
    [(17.9, 17.8, "17.9 dB of the class scores in INT8, and 18 are wanted"), (20.0, 18.9, "further off than 1 dB")],
)
def test_command_says_what_falls_short_when_too_much_is_lost(jobs, tmp_path, capsys, int8, half, said):
    jobs(int8, half)
    assert run_command(tmp_path / "out") == 1
    assert said in capsys.readouterr().out


def test_command_says_what_is_missing_when_there_are_no_photographs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "DATA", tmp_path / "nowhere")
    assert run_command(tmp_path / "out") == 1
    assert "WORKBENCH_CHECK_DATA" in capsys.readouterr().err
    assert not Path(tmp_path / "out").exists()
