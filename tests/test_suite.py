"""Suites: several recipes in one file, run one after another; a member that cannot run costs its own rows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from workbench.errors import BusyError, InputError
from workbench.experiment import RECIPES, read_recipe
from workbench.models.architectures.registry import Architecture
from workbench.records import Status, read_records
from workbench.run_folder import RunFolder
from workbench.suite import is_suite, read_suite
from workbench.suite_run import run_suite

SHARED: dict[str, Any] = {
    "quantize": [{"method": "static"}],
    "deploy": [{"backend": "onnxruntime", "precision": ["fp32", "int8"]}],
    "measure": {"scopes": ["runtime"], "warmup": 1, "repeats": 2, "rounds": 2, "block_runs": 1, "block_seconds": 0.0},
}


@pytest.fixture
def write(tmp_path, tiny_paddle, tiny_task_file):
    """Write a suite of such members, tiny networks where they do not say otherwise."""

    def written(*members: dict[str, Any], **more: Any) -> Path:
        tiny = {"model": {"path": str(tiny_paddle)}, "task": {"file": str(tiny_task_file)}}
        data = {"schema_version": 1, "kind": "suite", "name": "both", "shared": SHARED | tiny, "members": list(members)}
        path = tmp_path / "both.yaml"
        path.write_text(yaml.safe_dump(data | more))
        return path

    return written


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_suite(path)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def test_member_differs_from_the_shared_part_only_where_it_says_so_when_read(write):
    _, (first, second) = read_suite(write({"name": "a"}, {"name": "b", "measure": {"repeats": 9}}))
    assert (first.recipe.measure.repeats, second.recipe.measure.repeats) == (2, 9)
    assert second.recipe.measure.rounds == first.recipe.measure.rounds == 2
    assert first.recipe.deploy == second.recipe.deploy


@pytest.mark.parametrize(
    ("members", "more", "message"),
    [
        (({"name": "a"}, {"name": "a"}), {}, "two members are called 'a'"),
        (({"name": "a", "quantise": []},), {}, "members.0: unknown key `quantise`; known keys here: schema_version"),
        (({},), {}, "members.0: `name` is missing"),
        ((), {}, "`members` = []"),
        (({"name": "a"},), {"member": []}, "unknown key `member`; known keys here: schema_version, kind, name"),
    ],
)
def test_read_suite_names_member_key_and_fix_when_something_is_wrong(write, members, more, message):
    assert message in refusal(write(*members, **more))


def test_read_recipe_sends_to_run_when_it_is_given_a_suite(write):
    path = write({"name": "a"})
    assert is_suite(path)
    with pytest.raises(InputError, match="a suite of several recipes, which `workbench run` takes"):
        read_recipe(path)


def test_shipped_suite_is_valid_when_read():
    suite, members = read_suite(RECIPES / "published_cpu.yaml")
    assert (suite.name, suite.published) == ("published_cpu", True)
    assert [member.recipe.name for member in members if member.unavailable] == ["mask_rcnn_r50_fpn"]
    assert all(member.recipe.model.weights == "random" for member in members if not member.unavailable)


def test_suite_shows_every_member_when_some_cannot_run(write, tmp_path, monkeypatch):
    monkeypatch.setattr(Architecture, "missing", lambda self: "its layers come from elsewhere")
    task = {"name": "synthetic", "options": {"architecture": "yolov5s"}, "file": None}
    path = write(
        {"name": "good"},
        {"name": "gone", "model": {"path": str(tmp_path / "gone.onnx")}},
        {"name": "never", "unavailable": "it needs a download"},
        {"name": "absent", "model": {"architecture": "none_such", "path": None}, "task": task},
    )
    said: list[str] = []
    result = run_suite(path, str(tmp_path / "out"), say=said.append)
    assert result.problems == ()
    by_status = {status: [row for row in read_records(tmp_path / "out") if row.status is status] for status in Status}
    assert {row.reason for row in by_status[Status.OK]} == {""}
    assert len(by_status[Status.OK]) == 2
    reasons = " ".join(row.reason for row in by_status[Status.UNAVAILABLE])
    assert all(
        text in reasons for text in ("no such file", "it needs a download", "architecture 'none_such': not known")
    )
    assert len(by_status[Status.UNAVAILABLE]) == 6
    page = (tmp_path / "out" / "report.html").read_text()
    assert "it needs a download" in page
    assert "The whole suite, 4 models, took" in page
    assert said[-1] == f"passed; results: {tmp_path / 'out' / 'report.html'}"


def test_suite_goes_on_and_fails_when_a_member_fails(write, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.pdmodel").write_bytes(b"nothing")
    (broken / "model.pdiparams").write_bytes(b"nothing")
    path = write({"name": "broken", "model": {"path": str(broken)}}, {"name": "never", "unavailable": "no network"})
    said: list[str] = []
    result = run_suite(path, str(tmp_path / "out"), say=said.append)
    assert {row.status for row in read_records(tmp_path / "out" / "broken")} == {Status.FAILED}
    assert [problem for problem in result.problems if problem.startswith("broken: model ")] == list(result.problems)
    assert len(result.problems) == 1
    assert [line for line in said if line.startswith("2/2 never: no network")]


def test_suite_does_no_job_again_when_it_is_run_twice(write, tmp_path, started_workers):
    path = write({"name": "good"})
    run_suite(path, str(tmp_path / "out"), say=lambda line: None)
    first = len(started_workers)
    said: list[str] = []
    run_suite(path, str(tmp_path / "out"), say=said.append)
    again = started_workers[first:]
    # Data and backends are looked at anew each time.
    assert all(name == "quantize-task" or name.startswith("deploy-probe") for name in again), again
    assert any("going on from what an earlier run had done" in line for line in said)
    recipe = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(recipe["rows"]) == 2


def test_suite_is_refused_when_another_run_works_in_its_folder(write, tmp_path):
    with RunFolder.create(tmp_path / "out").lock("run"), pytest.raises(BusyError):
        run_suite(write({"name": "good"}), str(tmp_path / "out"), say=lambda line: None)
    assert not (tmp_path / "out" / "good").exists()


@pytest.mark.parametrize("option", [("--only", "onnxruntime/cpu/int8"), ("--junit", "x.xml")])
def test_run_names_the_option_when_it_is_not_for_a_suite(write, command, option):
    code, said = command("run", write({"name": "good"}), *option)
    assert code == 2
    assert said[0].startswith(f"workbench: {option[0]}: ")
