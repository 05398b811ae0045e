"""Which models stage quantize takes for the same, and which file each job may take up."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench import pipeline
from workbench.launch import Outcome, run_job
from workbench.pipeline import stages
from workbench.records import Status


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of the methods' jobs, in order; the jobs themselves do not run, and leave nothing."""
    seen: list[dict[str, Any]] = []

    def spy(function: str, arguments: dict[str, Any], **options: Any) -> Outcome:
        if "kept" not in arguments:
            return run_job(function, arguments, **options)
        seen.append(arguments)
        return Outcome(Status.OK, {"digest": "", "seconds": 1.0})

    monkeypatch.setattr(stages, "run_job", spy)
    return seen


@pytest.fixture
def quantize(copy_of_run: Any, write_recipe: Callable[..., Path]) -> Callable[..., None]:
    def run(*entries: dict[str, Any]) -> None:
        write_recipe(quantize=list(entries))
        pipeline.quantize(copy_of_run.open())

    return run


def test_quantize_keeps_files_apart_when_two_methods_have_the_same_options(quantize, asked):
    same = {"quantize": {"pact": True}}
    quantize({"method": "qat", **same}, {"method": "pact", **same})
    assert [arguments["method"] for arguments in asked] == ["qat", "pact"]
    assert asked[0]["options"] == asked[1]["options"]
    assert asked[0]["kept"] != asked[1]["kept"]


def test_quantize_shares_statistics_when_only_the_algorithm_differs(quantize, asked):
    quantize(
        {"method": "static", "algo": "avg"}, {"method": "static", "algo": "KL"}, {"method": "static", "batches": 1}
    )
    one, other, follower = asked
    assert (one["variant"], follower["variant"]) == ("avg", "KL")
    assert one["kept"] == follower["kept"] != other["kept"]


def test_quantize_trains_again_when_the_teacher_changed(quantize, asked, tiny_paddle, tmp_path):
    shutil.copytree(tiny_paddle, tmp_path / "teacher")
    entry = {"method": "distill_only", "distill": {"teacher": "teacher"}}
    quantize(entry)
    quantize(entry)
    assert len(asked) == 1
    weights = tmp_path / "teacher" / "tiny.pdiparams"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    quantize(entry)
    assert len({arguments["kept"] for arguments in asked}) == 2
