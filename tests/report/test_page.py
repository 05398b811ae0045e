"""Tests of the report page, read back as a browser would."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from workbench.records import Metric, Precision, Record
from workbench.report.expectations import Verdict, VerdictStatus
from workbench.report.page import write_report

MACHINE: dict[str, Any] = {
    "machine_id": "m1",
    "date": "2025-11-02",
    "cpu": {"model": "Xeon", "cores": 2, "isa": ["avx2", "avx512_vnni"]},
    "memory_gb": 8.3,
    "gpus": [{"name": "H100", "memory.total": "80 GB"}],
    "os": "Linux",
    "python": "3.11.7",
    "versions": {"paddlepaddle": "3.0.0"},
    "surprise": {"a": 1},
}


class Page(HTMLParser):
    """Collects the tags and their attributes, and the text outside of styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def report(folder: Path, records: list[Record], **given: Any) -> tuple[Page, str]:
    arguments: dict[str, Any] = {"title": "t", "metrics": [], "machine": MACHINE, "recipe_text": "", "verdicts": []}
    write_report(folder, records=records, **(arguments | given))
    return Page((folder / "report.html").read_text("utf-8")), (folder / "report.md").read_text("utf-8")


def test_report_is_one_file_when_written(tmp_path: Path, one_backend: list[Record]) -> None:
    page, _ = report(tmp_path, one_backend)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == len(list((tmp_path / "plots").iterdir())) == 4
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in images)
    assert all(len(str(image["alt"])) > 40 for image in images)
    assert not any(tag in ("script", "link", "iframe") for tag, _ in page.tags)
    assert "prefers-color-scheme: dark" in (tmp_path / "report.html").read_text("utf-8")


def test_report_has_headers_with_scope_when_there_are_tables(tmp_path: Path, one_backend: list[Record]) -> None:
    page, _ = report(tmp_path, one_backend)
    scopes = {attributes.get("scope") for tag, attributes in page.tags if tag == "th"}
    assert scopes == {"col", "row"}


def test_report_tells_the_facts_in_both_forms_when_written(
    tmp_path: Path, one_backend: list[Record], make_metric: Callable[..., Metric]
) -> None:
    controls = [("aa_control", 1.01), ("aa_control_low", 0.97), ("aa_control_high", 1.04)]
    metrics = [make_metric(name, value) for name, value in [*controls, ("top5", 99.5)]]
    verdicts = [Verdict("small", VerdictStatus.NOT_CHECKED, "no VNNI"), Verdict("good", VerdictStatus.PASSED, "yes")]
    page, markdown = report(tmp_path, one_backend, metrics=metrics, verdicts=verdicts, recipe_text="name: demo")
    for text in (page.text, markdown):
        assert "4 of 4 rows measured. Expectations: 1 passed, 1 not checked." in text
        assert "INT8 is 3.1x faster than FP32" in text.replace("&gt;", ">")
        for fact in ("Runtime (copies", "End to end (with", "no VNNI", "top5", "99.5", "name: demo", "paddlepaddle"):
            assert fact in text
        assert "FP32 against itself, onnxruntime on cpu, runtime: 1.01x (0.97 to 1.04)" in text
        assert "within 4 % of 1" in text
        assert "avx2, avx512_vnni" in text
        assert not re.search(r"\bnan\b|\bNone\b", text)


def test_report_tells_why_int8_is_slow_when_it_is(
    tmp_path: Path, make_record: Callable[..., Record], make_metric: Callable[..., Metric]
) -> None:
    slow = {
        "latency_mean_ms": 12.0,
        "speedup_vs_fp32": 1.03,
        "speedup_low": 1.0,
        "speedup_high": 1.06,
        "int8_share": 0.5,
    }
    rows = [
        make_record(precision=Precision.FP32),
        make_record(**slow),
        make_record(precision=Precision.BF16, latency_mean_ms=6.0),
    ]
    key = {"precision": Precision.INT8, "method": "static", "variant": "hist"}
    metrics = [make_metric("float_operators/Conv", 3, **key), make_metric("unknown_operators/HardSwish", 1, **key)]
    page, markdown = report(tmp_path, rows, metrics=metrics)
    for text in (page.text, markdown):
        assert "50 % of the convolutions and matrix products run in INT8; in float stay: 3 Conv." in text
        assert "The lowering knows no INT8 form of: HardSwish." in text
        assert "INT8 is not the best choice here (cpu, runtime, 1 thread, batch 1): BF16" in text


def test_report_says_so_when_nothing_was_measured(tmp_path: Path, all_unavailable: list[Record]) -> None:
    page, markdown = report(tmp_path, all_unavailable, machine={})
    for text in (page.text, markdown):
        assert "0 of 4 rows measured. Expectations: none stated." in text
        assert text.count("Not drawn, since no row has the figures:") == 4
        assert "no NVIDIA GPU; install a driver" in text
        assert not re.search(r"\bnan\b|\bNone\b", text)
    assert not any(tag == "img" for tag, _ in page.tags)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_report_shows_markup_as_text_when_names_are_hostile(tmp_path: Path, make_record: Callable[..., Record]) -> None:
    evil = "<script>alert('x')</script>\"><img src=x onerror=1>|{{7*7}}[x](javascript:alert(1))"
    rows = [make_record(model=evil, variant=evil, backend=evil, reason=evil, metric_name=evil)]
    verdicts = [Verdict(evil, VerdictStatus.FAILED, evil)]
    page, markdown = report(tmp_path, rows, title=evil, verdicts=verdicts, recipe_text=evil, machine={"os": evil})
    assert not any(tag == "script" or "onerror" in attributes for tag, attributes in page.tags)
    assert all(str(attributes["src"]).startswith("data:") for tag, attributes in page.tags if tag == "img")
    assert evil in page.text
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert tables
    written = [line for line in markdown.splitlines() if not line.startswith("    ")]
    assert not any("<script" in line or "](javascript" in line for line in written)


def test_report_is_the_same_when_written_twice(tmp_path: Path, one_backend: list[Record]) -> None:
    for name in ("a", "b"):
        report(tmp_path / name, one_backend)
    for name in ("report.html", "report.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_report_describes_each_machine_when_runs_were_merged(tmp_path: Path, one_backend: list[Record]) -> None:
    other = MACHINE | {"machine_id": "m2", "cpu": {"model": "EPYC"}}
    rows = [*one_backend, *(row.model_copy(update={"machine_id": "m2"}) for row in one_backend)]
    page, markdown = report(tmp_path, rows, machine={"machines": [MACHINE, other]})
    for text in (page.text, markdown):
        assert "Xeon" in text
        assert "EPYC" in text
        assert "onnxruntime on cpu, machine m2: INT8 is" in text


def test_report_sets_methods_side_by_side_when_there_are_several(
    tmp_path: Path, one_backend: list[Record], make_pruned: Callable[..., Record]
) -> None:
    page, markdown = report(tmp_path, [*one_backend, make_pruned(reason="fewer filters")])
    for text in (page.text, markdown):
        for fact in ("Methods side by side", "none (FP32 as given)", "0.50 (0.20 to 0.90)", "fewer filters"):
            assert fact in text
    groups = [attributes for tag, attributes in page.tags if tag == "th" and attributes.get("scope") == "colgroup"]
    assert {attributes["colspan"] for attributes in groups} == {"1", "3"}
    assert "![Accuracy drop against latency of each method](plots/trade_off.png)" in markdown


def test_report_sets_no_methods_side_by_side_when_there_is_one(tmp_path: Path, one_backend: list[Record]) -> None:
    page, markdown = report(tmp_path, one_backend)
    assert "side by side" not in page.text + markdown
