"""The check of lowered models against TensorRT-RTX: its rows, and that nothing wrong counts as right."""

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.trt_check import __main__ as command
from benchmarks.trt_check.rows import Row, plain_table, reasons
from benchmarks.trt_check.subjects import SUBJECTS
from workbench import pipeline
from workbench.launch import Outcome
from workbench.models.model import Format, Manifest, Model
from workbench.models.scales import ActivationRange, Scales
from workbench.records import Status

BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")


@BUILDER
def test_whole_check_is_green_when_a_run_is_lowered_and_built(finished_run, tmp_path):
    arguments = ["--run", str(finished_run.folder), "--sm", "SM86", "--sm", "SM75", "--out", str(tmp_path / "out")]
    assert command.main(arguments) == 0
    rows = rows_of(tmp_path / "out")
    assert [(row["precision"], row["sm"]) for row in rows] == [
        (precision, sm) for precision in ("int8", "int8+fp16") for sm in ("SM86", "SM75")
    ]
    assert {(row["built"], row["int8_ops"], row["quantized_ops"]) for row in rows if row["sm"] == "SM86"} == {
        ("true", "4", "4")
    }


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=lambda subject: subject.name)
def test_subject_is_a_recipe_that_opens_when_it_is_written(subject, tmp_path):
    if subject.needs and not subject.needs.exists():
        pytest.skip(f"no check data at {subject.needs}; WORKBENCH_CHECK_DATA names another folder")
    experiment = pipeline.open_experiment(subject.recipe(tmp_path), tmp_path)
    assert experiment.recipe.name == subject.name
    assert experiment.recipe.quantize


@pytest.fixture
def run(tmp_path):
    """A run folder with one quantized Model and its twin."""
    folder = tmp_path / "run"
    manifest = Manifest(name="net", format=Format.PADDLE, inputs=(), outputs=())
    with Model.build(folder / "models") as draft:
        draft.manifest = manifest
    twin = draft.model.digest
    scales = Scales(activations={"x": ActivationRange(minimum=-1, maximum=1, absmax=1)})
    with Model.build(folder / "models") as draft:
        changes = {"precision": "int8", "method": "qat", "scales": scales, "parent": twin, "float_twin": twin}
        draft.manifest = manifest.model_copy(update=changes)
    models = {"fp32": {"status": "ok", "digest": twin}, "qat": {"status": "ok", "digest": draft.model.digest}}
    (folder / "stages").mkdir()
    (folder / "stages" / "quantize.json").write_text(json.dumps({"models": models}))
    return folder


def pretend(monkeypatch, *, int8, lowering=None):
    """Let lowering give the twin's folder, and plans have `int8` of 3 products in INT8 (None: the builder crashes)."""

    def job(function, arguments, folder, name):
        if "prepare" in function:
            with Model.build(Path(arguments["models"])) as draft:
                given = Model.open(Path(arguments["model"])).manifest
                draft.manifest = given.model_copy(update={"format": Format.ONNX, "facts": {"float_operators": []}})
            return lowering or Outcome(Status.OK, {"digest": draft.model.digest})
        if int8[arguments["sm"]] is None:
            return Outcome(Status.CRASHED, reason="signal 11")
        value = {"quantized_ops": 3, "int8_ops": int8[arguments["sm"]], "seconds": 1.5, "plan_mb": 2.0}
        return Outcome(Status.OK, value | {"float_names": ["a", "b", "c"][: 3 - value["int8_ops"]]})

    monkeypatch.setattr(command, "_job", job)


def rows_of(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("int8", "code"), [({"SM80": 3, "SM75": 0}, 0), ({"SM80": 2, "SM75": 3}, 1), ({"SM80": None, "SM75": 3}, 1)]
)
def test_exit_code_tells_whether_all_is_int8_when_turing_is_left_out(run, tmp_path, monkeypatch, int8, code):
    pretend(monkeypatch, int8=int8)
    assert command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM75", "--out", str(tmp_path / "out")]) == code
    rows = rows_of(tmp_path / "out")
    assert [(row["method"], row["precision"], row["sm"]) for row in rows] == [
        ("qat", precision, sm) for precision in ("int8", "int8+fp16") for sm in ("SM80", "SM75")
    ]


def test_row_says_what_happened_when_the_builder_crashes_or_a_product_is_float(run, tmp_path, monkeypatch, capsys):
    pretend(monkeypatch, int8={"SM80": None, "SM89": 2})
    command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM89", "--out", str(tmp_path / "out")])
    crashed, in_part = rows_of(tmp_path / "out")[:2]
    assert (crashed["built"], crashed["status"], crashed["reason"]) == ("false", "crashed", "signal 11")
    assert (in_part["built"], in_part["int8_ops"], in_part["quantized_ops"]) == ("true", "2", "3")
    assert in_part["reason"] == "1 quantized products run in float, 'a' the first"
    assert "signal 11" in capsys.readouterr().out


def test_row_of_each_generation_says_why_when_lowering_fails(run, tmp_path, monkeypatch):
    pretend(monkeypatch, int8={}, lowering=Outcome(Status.UNSUPPORTED, reason="no ranges"))
    assert command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM89", "--out", str(tmp_path / "out")]) == 1
    assert {row["reason"] for row in rows_of(tmp_path / "out")} == {"lowering: no ranges"}
    assert len(rows_of(tmp_path / "out")) == 4


def test_rows_say_why_when_the_trained_model_is_absent(tmp_path, monkeypatch):
    absent = command.SUBJECTS["nanodet_m"].__class__("nanodet_m", model={}, needs=tmp_path / "coco")
    monkeypatch.setitem(command.SUBJECTS, "nanodet_m", absent)
    assert command.main(["--only", "nanodet_m", "--out", str(tmp_path / "out")]) == 1
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 2 * len(command.GENERATIONS)
    assert all("WORKBENCH_CHECK_DATA" in row["reason"] for row in rows)


def test_command_says_it_in_one_line_when_nothing_was_quantized_in_a_run(tmp_path, capsys):
    assert command.main(["--run", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "no model was quantized there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("images", ["0", "-3"])
def test_command_refuses_images_in_one_line_when_there_are_none(images, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--accuracy", "--images", images, "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].endswith(f"error: argument --images: {images} is none; give 1 or more")
    )


def test_reason_is_told_once_when_several_rows_have_it():
    rows = [
        Row("net", "qat", "", precision, sm, built=False, status="failed", reason=reason)
        for precision, sm, reason in [("int8", "SM80", "no"), ("int8", "SM89", "no"), ("int8", "SM75", "never")]
    ]
    assert reasons(rows) == ["net qat (int8 SM80, int8 SM89): no", "net qat (int8 SM75): never"]
    assert reasons([Row("net", "qat", "", "int8", "SM80", built=True)]) == []


def test_table_has_a_column_for_each_generation_when_printed():
    rows = [
        Row("net", "qat", "", "int8", "SM80", built=True, int8_ops=3, quantized_ops=3),
        Row("net", "qat", "", "int8", "SM89", built=False, status="crashed"),
    ]
    assert plain_table(rows).splitlines()[1].split() == ["net", "qat", "int8", "3/3", "crashed"]
