"""NanoDet-m lowered for TensorRT and evaluated: one row for FP32, one for each quantized model and precision."""

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

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
    """Let quantizing give two Models, and every job succeed; returns the jobs that were run."""
    run = RunFolder.create(tmp_path / "out")
    digests = []
    for method in ("none", "static"):
        with Model.build(run.models) as draft:
            draft.manifest = Manifest(name="net", method=method, format=Format.PADDLE, inputs=(), outputs=())
        digests.append(draft.model.digest)
    models = dict(zip(("fp32", "static"), ({"digest": digest} for digest in digests), strict=True))
    done = []

    def run_job(function, arguments, **_):
        done.append((function.partition(":")[2], arguments))
        value = {
            "digest": "d",
            "samples": 3,
            "sqnr_db": 18.5,
            "metrics": {"mAP": 28.0},
            "drop": 0.5,
            "low": -1.0,
            "high": 2.0,
        }
        return Outcome(Status.OK, value)

    monkeypatch.setattr(accuracy, "DATA", tmp_path)
    (tmp_path / "coco").mkdir()
    monkeypatch.setattr(accuracy.pipeline, "open_experiment", lambda *_: FakeExperiment(run, {"spec": 1}))
    monkeypatch.setattr(accuracy.pipeline, "quantize", lambda _: {"models": models})
    monkeypatch.setattr(accuracy, "run_job", run_job)
    return done


def test_every_precision_is_compared_with_fp32_when_measured(jobs, tmp_path):
    assert accuracy.main(["--images", "3", "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "accuracy.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["precision"], row["drop"]) for row in rows] == [
        ("none", "fp32", ""), ("static", "int8", "0.5"), ("static", "int8+fp16", "0.5"),
    ]  # fmt: skip
    evaluations = [arguments for name, arguments in jobs if name == "evaluate_job"]
    assert [arguments["compare"] for arguments in evaluations] == [False, True, True]
    assert {arguments["settings"]["options"]["graph_optimization"] for arguments in evaluations} == {"none"}
    drops = [arguments for name, arguments in jobs if name == "drop_job"]
    assert {arguments["baseline"] for arguments in drops} == {evaluations[0]["predictions"]}
    assert len({arguments["other"] for arguments in drops}) == 2


def test_command_says_what_is_missing_when_there_are_no_photographs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "DATA", tmp_path / "nowhere")
    assert accuracy.main(["--out", str(tmp_path / "out")]) == 1
    assert "WORKBENCH_CHECK_DATA" in capsys.readouterr().err
    assert not Path(tmp_path / "out").exists()
