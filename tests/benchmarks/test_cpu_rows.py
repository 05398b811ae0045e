"""Rows of the CPU benchmark: ratio, verdict, and the tables."""

import csv
import io

import pytest

from benchmarks.cpu.rows import Row, Verdict, csv_text, failed, markdown_table, plain_table, read_parts, write_part
from benchmarks.cpu.rows import write_tables as write

KEY = {"model": "net", "backend": "onnxruntime", "precision": "int8", "reference": "other", "weights": "random",
       "machine": "m1"}  # fmt: skip
FIGURES = {"ours_ms": 2.1, "reference_ms": 2.0, "ratio": 1.05, "ratio_low": 1.04, "ratio_high": 1.06}


def row(**fields):
    return Row(**KEY | fields)


@pytest.mark.parametrize(
    ("fields", "verdict", "words"),
    [
        (FIGURES | {"target": 1.05}, Verdict.MET, "met"),
        (FIGURES | {"target": 1.0}, Verdict.MISSED, "missed by 5.0 %"),
        (FIGURES, Verdict.INFORMATION, "information"),
        ({"target": 1.0, "reason": "ours: crashed"}, Verdict.NOT_MEASURED, "ours: crashed"),
    ],
)
def test_row_tells_its_verdict_when_judged(fields, verdict, words):
    assert row(**fields).verdict is verdict
    assert row(**fields).judged == words


def test_csv_has_the_promised_columns_when_written():
    text = csv_text([row(**FIGURES, ours_sqnr_db=17.25), row(reason="no nncf")])
    first, second = csv.DictReader(io.StringIO(text))
    assert {
        "model", "backend", "precision", "ours_ms", "reference", "reference_ms", "ratio", "ratio_low", "ratio_high",
        "metric_name", "ours_metric", "reference_metric", "ours_sqnr_db", "reference_sqnr_db", "weights", "target",
        "machine",
    } <= set(first)  # fmt: skip
    assert (first["ratio"], first["ours_sqnr_db"], first["weights"]) == ("1.05", "17.25", "random")
    assert (second["ratio"], second["reason"]) == ("", "no nncf")


def test_tables_name_machine_and_reason_when_a_row_was_not_measured():
    rows = [row(**FIGURES, target=1.0, note="the machine was busy"), row(backend="openvino", reason="a | b")]
    page = markdown_table(rows, title="Title", machine="Some CPU")
    assert "Machine: Some CPU." in page
    assert "1.050 (1.040-1.060)" in page
    assert "- net on onnxruntime: the machine was busy" in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert "a / b" in plain_table(rows).splitlines()[2]


def test_failed_rows_keep_their_key_and_target_when_figures_are_dropped():
    (empty,) = failed([row(**FIGURES, target=1.05)], "import failed:\n  no such file")
    assert empty == row(target=1.05, reason="import failed: no such file")


def test_parts_are_replaced_and_ordered_when_measured_again(tmp_path):
    write_part(tmp_path, "b", [row(model="b")])
    write_part(tmp_path, "a", [row(model="a", **FIGURES)])
    write_part(tmp_path, "b", [row(model="b", reason="later")])
    rows = read_parts(tmp_path, ["a", "b", "never-run"])
    assert rows == [row(model="a", **FIGURES), row(model="b", reason="later")]
    write(tmp_path, rows, title="T", machine="M")
    assert (tmp_path / "results.csv").read_text() == csv_text(rows)
    assert (tmp_path / "table.md").read_text().startswith("T\n")
