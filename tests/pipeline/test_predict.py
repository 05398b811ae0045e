"""A finished run's models on something of the user's."""

import pytest

from workbench import pipeline
from workbench.errors import InputError


def test_predict_answers_with_every_model_of_a_backend_when_none_is_named(finished_run):
    answers = pipeline.predict(finished_run.folder, "1", backend="onnxruntime")
    assert [(a["model"], a["precision"]) for a in answers] == [("fp32", "fp32"), ("static-hist", "int8")]
    assert all(a["prediction"] in range(4) and a["text"] == str(a["prediction"]) and a["run_ms"] > 0 for a in answers)


def test_predict_takes_the_first_backend_when_none_is_named(finished_run):
    assert {a["backend"] for a in pipeline.predict(finished_run.folder, "1")} == {"paddle_inference"}


def test_predict_names_the_choices_when_the_backend_is_not_deployed(finished_run):
    with pytest.raises(InputError, match="no deployed model on tensorrt; backends are: onnxruntime, paddle_inference"):
        pipeline.predict(finished_run.folder, "1", backend="tensorrt")


def test_predict_command_shows_a_line_a_model_when_given_a_run(finished_run, command, capsys, monkeypatch):
    from workbench import cli

    monkeypatch.setattr("sys.argv", ["workbench", "predict", str(finished_run.folder), "2", "--backend", "onnxruntime"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["onnxruntime fp32", "onnxruntime int8 static-hist"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "no/such/run", "1"), "run no/such/run: no deployed models in it"),
        (
            ("export", "no/such/run", "--backend", "onnxruntime", "--out", "x"),
            "run no/such/run: no deployed models in it",
        ),
    ],
)
def test_command_ends_in_one_line_when_the_run_is_not_there(command, arguments, said):
    code, lines = command(*arguments)
    assert code == 2
    assert len(lines) == 1
    assert said in lines[0]
