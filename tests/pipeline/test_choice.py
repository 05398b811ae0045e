"""Tests of what the notebook on choosing a method needs."""

import importlib
import json

import pytest

from workbench.pipeline import VerdictFailed, conclude_choice, finished_run


def test_finished_run_says_how_to_make_it_when_it_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = finished_run("methods")
    assert run.note == "methods: not measured yet; this makes it: workbench run methods"
    assert (run.folder, run.records) == ((tmp_path / "runs" / "methods").resolve(), [])
    assert not run.folder.exists()


def test_conclude_choice_fails_when_a_case_has_no_answer(tmp_path, monkeypatch):
    module = importlib.import_module("workbench.quant.recommend")
    monkeypatch.setattr(module, "TABLE", module.TABLE[1:])
    with pytest.raises(VerdictFailed, match="none, minutes, x86, size: no answer"):
        conclude_choice(finished_run("mine", str(tmp_path / "run")))
    assert json.loads((tmp_path / "run" / "notebooks" / "choose.result.json").read_text())["verdict"] == "failed"
