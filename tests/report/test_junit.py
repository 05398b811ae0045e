"""Tests of the JUnit file, read back with an XML parser."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.records import Device, Precision, Record, Status
from workbench.report.expectations import Verdict, VerdictStatus
from workbench.report.junit import write_junit

Make = Callable[..., Record]


def read(path: Path) -> ElementTree.Element:
    suite = ElementTree.parse(path).getroot().find("testsuite")
    assert suite is not None
    return suite


@pytest.mark.parametrize(
    ("status", "tag"),
    [
        (Status.OK, None),
        (Status.UNAVAILABLE, "skipped"),
        (Status.UNSUPPORTED, "skipped"),
        (Status.FAILED, "failure"),
        (Status.CRASHED, "failure"),
        (Status.TIMEOUT, "failure"),
    ],
)
def test_junit_case_follows_the_status_when_a_row_is_written(
    tmp_path: Path, make_record: Make, status: Status, tag: str | None
) -> None:
    path = tmp_path / "junit.xml"
    write_junit(path, suite="demo", records=[make_record(status=status, reason="why")], verdicts=[])
    suite = read(path)
    (case,) = suite.findall("testcase")
    assert [child.tag for child in case] == ([tag] if tag else [])
    assert case.get("classname") == "demo.onnxruntime.cpu"
    if tag:
        assert case[0].get("message") == f"{status}: why"
    assert suite.get("failures") == str(int(tag == "failure"))
    assert suite.get("skipped") == str(int(tag == "skipped"))


def test_junit_case_fails_when_an_unavailable_row_is_required(tmp_path: Path, all_unavailable: list[Record]) -> None:
    path = tmp_path / "junit.xml"
    required = {("tensorrt", Device.GPU, Precision.INT8)}
    write_junit(path, suite="demo", records=all_unavailable, verdicts=[], required=required)
    suite = read(path)
    assert [suite.get(name) for name in ("tests", "failures", "skipped", "errors")] == ["4", "2", "2", "0"]


def test_junit_has_a_case_for_each_verdict_when_there_are_any(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    verdicts = [Verdict(status, status, "because") for status in VerdictStatus]
    write_junit(path, suite="demo", records=[], verdicts=verdicts)
    cases = read(path).findall("testcase")
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["skipped"]]


def test_junit_is_valid_when_texts_are_hostile(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "junit.xml"
    evil = 'a\x00\x1b[31m]]><&"\ufffe名'
    rows = [make_record(model=evil, status=Status.FAILED, reason=evil)]
    write_junit(path, suite=evil, records=rows, verdicts=[Verdict(evil, VerdictStatus.FAILED, evil)])
    suite = read(path)
    assert suite.get("name") == 'a[31m]]><&"名'
    assert suite.findall("testcase")[0][0].text == 'failed: a[31m]]><&"名'


def test_junit_names_differ_when_rows_do(tmp_path: Path, one_backend: list[Record], make_record: Make) -> None:
    path = tmp_path / "junit.xml"
    rows = [*one_backend, make_record(threads=4), make_record(batch=8), make_record(pinned=True)]
    rows += [make_record(machine_id="m2"), make_record(variant="mse")]
    write_junit(path, suite="demo", records=rows, verdicts=[])
    names = [(case.get("classname"), case.get("name")) for case in read(path)]
    assert len(set(names)) == len(rows)


def test_junit_cases_have_their_own_names_when_two_models_compute_in_fp32(
    tmp_path: Path, make_record: Make, make_pruned: Make
) -> None:
    path = tmp_path / "junit.xml"
    write_junit(path, suite="demo", records=[make_record(precision=Precision.FP32), make_pruned()], verdicts=[])
    names = [str(case.get("name")) for case in read(path).findall("testcase")]
    assert [name.split(", ")[1] for name in names] == ["FP32", "FP32 prune (flops0.5)"]
