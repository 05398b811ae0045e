"""Showing the runs of several machines together."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.pipeline.merge import is_run, merge_runs
from workbench.records import (
    Device,
    Metric,
    Precision,
    Record,
    Scope,
    Status,
    read_metrics,
    read_records,
    write_metrics,
    write_records,
)

ROW: dict[str, Any] = {"model": "digits", "model_digest": "d", "backend": "onnxruntime", "device": Device.CPU}


def make_run(folder: Path, machine_id: str) -> Path:
    """A finished run of two rows."""
    common = ROW | {"scope": Scope.RUNTIME, "machine_id": machine_id}
    ok = common | {"task": "digits", "status": Status.OK, "latency_p50_ms": 2.0, "latency_std_ms": 0.1, "repeats": 9}
    write_records(folder, [Record(**ok, precision=p) for p in (Precision.FP32, Precision.INT8)])
    write_metrics(folder, [Metric(**common, precision=Precision.FP32, name="top5", value=99.0)])
    cpu = {"model": f"CPU of {machine_id}", "cores": 2, "isa": ["avx2"]}
    machine = {"machine_id": machine_id, "cpu": cpu, "memory_gb": 8.0, "gpus": [], "os": "Linux", "python": "3.11"}
    (folder / "machine.json").write_text(json.dumps(machine | {"versions": {"numpy": "1.26.4"}}))
    (folder / "recipe.yaml").write_text(f"name: recipe-of-{machine_id}\n")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [make_run(tmp_path / name, name) for name in ("m1", "m2")]


def test_merge_keeps_every_row_and_its_machine_when_machines_differ(runs, tmp_path):
    folder = merge_runs(runs, out=tmp_path / "both")
    assert folder == tmp_path / "both"
    assert read_records(folder) == [*read_records(runs[0]), *read_records(runs[1])]
    assert [metric.machine_id for metric in read_metrics(folder)] == ["m1", "m2"]
    machines = json.loads((folder / "machine.json").read_text())["machines"]
    assert [machine["machine_id"] for machine in machines] == ["m1", "m2"]


def test_merge_writes_a_report_that_names_all_when_machines_differ(runs, tmp_path):
    folder = merge_runs(runs, out=tmp_path / "both")
    assert is_run(folder)
    page = (folder / "report.html").read_text()
    for text in ("m1 + m2", "CPU of m1", "CPU of m2", "recipe-of-m1", "recipe-of-m2"):
        assert text in page
    assert (folder / "report.md").is_file()


def test_merge_lies_beside_the_first_run_when_no_folder_is_given(runs):
    assert merge_runs(runs) == runs[0].parent / "merged"


def test_merge_names_a_machine_once_when_two_runs_are_of_one(tmp_path):
    runs = [make_run(tmp_path / name, "m1") for name in ("a", "b")]
    folder = merge_runs(runs, out=tmp_path / "both")
    assert json.loads((folder / "machine.json").read_text())["machine_id"] == "m1"


def test_merge_names_each_machine_once_when_a_merged_run_is_merged_again(runs, tmp_path):
    both = merge_runs(runs, out=tmp_path / "both")
    more = merge_runs([both, make_run(tmp_path / "m3", "m3"), runs[0]], out=tmp_path / "more")
    machines = json.loads((more / "machine.json").read_text())["machines"]
    assert [machine["machine_id"] for machine in machines] == ["m1", "m2", "m3"]
    assert "CPU of m2" in (more / "report.html").read_text()


def test_merge_goes_on_when_a_run_tells_no_machine_and_no_recipe(runs, tmp_path):
    for name in ("machine.json", "recipe.yaml", "metrics.csv"):
        (runs[1] / name).unlink()
    assert len(read_records(merge_runs(runs, out=tmp_path / "both"))) == 4


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff\xfe"], ids=repr)
def test_merge_names_the_file_when_a_machine_is_broken(runs, tmp_path, text):
    (runs[1] / "machine.json").write_bytes(text)
    with pytest.raises(InputError, match=r"m2/machine\.json: .*write the report of that run again"):
        merge_runs(runs, out=tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_merge_refuses_when_a_folder_is_no_run(runs, tmp_path):
    with pytest.raises(InputError, match=r"missing: no results\.json in it"):
        merge_runs([*runs, tmp_path / "missing"], out=tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_merge_refuses_when_it_would_overwrite_a_run(runs, tmp_path):
    for out in (runs[1], tmp_path / "x" / ".." / "m2"):
        with pytest.raises(InputError, match="it is one of the runs to merge; choose another folder"):
            merge_runs(runs, out=out)
    assert len(read_records(runs[1])) == 2


def test_is_run_tells_finished_runs_when_asked(runs, tmp_path):
    assert is_run(runs[0])
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "missing")
