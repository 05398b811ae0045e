"""A run as JUnit XML, which CI services show: one test case for each row and each expectation."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Sequence
from pathlib import Path

from workbench.files import write_bytes
from workbench.records import Record, Status
from workbench.report.expectations import Required, Verdict, VerdictStatus
from workbench.report.labels import count, row_label

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SKIPPED = (Status.UNAVAILABLE, Status.UNSUPPORTED)


def write_junit(
    path: Path,
    *,
    suite: str,
    records: Sequence[Record],
    verdicts: Sequence[Verdict],
    required: Collection[Required] = (),
) -> None:
    """Write the test cases of a run; a row that is unavailable or unsupported is skipped unless it is `required`."""
    cases = [_row_case(suite, row, required) for row in records] + [
        _verdict_case(suite, verdict) for verdict in verdicts
    ]
    root = ElementTree.Element("testsuites")
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
    }
    ElementTree.SubElement(root, "testsuite", {"name": _legal(suite)} | counts).extend(cases)
    ElementTree.indent(root)
    write_bytes(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _row_case(suite: str, row: Record, required: Collection[Required]) -> ElementTree.Element:
    parts = [row.model, row_label(row), row.scope, count(row.threads, "thread"), f"batch {row.batch}", row.machine_id]
    case = _case(f"{suite}.{row.backend}.{row.device}", ", ".join(part for part in parts if part))
    must_run = (row.backend, row.device, row.precision) in required
    if row.status in SKIPPED and not must_run:
        _add(case, "skipped", f"{row.status}: {row.reason}")
    elif row.status is not Status.OK:
        _add(case, "failure", f"{row.status}: {row.reason}")
    return case


def _verdict_case(suite: str, verdict: Verdict) -> ElementTree.Element:
    case = _case(f"{suite}.expectations", verdict.name)
    if verdict.status is VerdictStatus.NOT_CHECKED:
        _add(case, "skipped", verdict.reason)
    elif verdict.status is VerdictStatus.FAILED:
        _add(case, "failure", verdict.reason)
    return case


def _case(classname: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", {"classname": _legal(classname), "name": _legal(name)})


def _add(case: ElementTree.Element, tag: str, message: str) -> None:
    ElementTree.SubElement(case, tag, {"message": _legal(message)}).text = _legal(message)


def _legal(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold."""
    return ILLEGAL.sub("", text)
