"""The parts of the end-to-end latency: which rows have them, and that picture, table and sentence hold the same facts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.records import Metric, Precision, Record, Scope
from workbench.report.bars import Bar
from workbench.report.parts import TITLE, draw_parts, parts_of
from workbench.report.plots import draw_plots

Make = Callable[..., Record]
SPLIT = {"preprocess_ms": 1.5, "run_ms": 4.0, "postprocess_ms": 0.25}


def metrics_of(row: Record, **values: float) -> list[Metric]:
    shared = row.model_dump(include=set(Metric.model_fields) - {"name", "value", "unit"})
    return [Metric(**shared, name=name, value=value, unit="ms") for name, value in values.items()]


@pytest.fixture
def rows(make_record: Make) -> list[Record]:
    """INT8 before FP32 on one backend, and FP32 on another, end to end; and a runtime row."""
    scope = {"scope": Scope.END_TO_END}
    wanted = ((Precision.INT8, "b1"), (Precision.FP32, "b2"), (Precision.FP32, "b1"))
    return [make_record(precision=p, backend=b, **scope) for p, b in wanted] + [make_record()]


def test_parts_belong_to_their_rows_when_other_rows_have_none(rows: list[Record]) -> None:
    metrics = [*metrics_of(rows[0], **SPLIT), *metrics_of(rows[2], **SPLIT | {"run_ms": 9.0})]
    metrics += metrics_of(rows[1], preprocess_ms=1.0, run_ms=2.0)
    found = parts_of(rows, metrics)
    assert [(part.row.precision, part.pre, part.run, part.post) for part in found] == [
        (Precision.FP32, 1.5, 9.0, 0.25),
        (Precision.INT8, 1.5, 4.0, 0.25),
    ]


def test_parts_are_told_alike_in_picture_table_and_sentence_when_drawn(tmp_path: Path, rows: list[Record]) -> None:
    figure = draw_parts(rows, metrics_of(rows[0], **SPLIT), out_dir=tmp_path, caption="a machine")
    assert figure is not None
    assert figure.path.read_bytes().startswith(b"\x89PNG")
    assert figure.table.to_dict("records") == [
        {"Where": "b1 on cpu", "What": "INT8 static (hist)", "pre (ms)": 1.5, "run (ms)": 4.0, "post (ms)": 0.25}
    ]
    assert "b1 on cpu, INT8 static (hist), 1.5 + 4 + 0.25 ms" in figure.alt


def test_parts_stand_behind_the_latencies_when_all_plots_are_drawn(tmp_path: Path, rows: list[Record]) -> None:
    titles = [figure.title for figure in draw_plots(rows, metrics_of(rows[0], **SPLIT), out_dir=tmp_path, caption="")]
    assert titles[:3] == ["Latency of each precision", TITLE, "Speed-up over FP32 on the same backend"]


def test_parts_are_not_drawn_and_an_old_picture_goes_when_nothing_was_split(tmp_path: Path, rows: list[Record]) -> None:
    draw_parts(rows, metrics_of(rows[0], **SPLIT), out_dir=tmp_path, caption="")
    assert draw_parts(rows, [], out_dir=tmp_path, caption="") is None
    assert list(tmp_path.iterdir()) == []


def test_bar_ends_behind_its_last_part_when_it_has_parts() -> None:
    assert Bar("", "", Precision.FP32, 4.0, "", before=1.5, after=0.25).ends == (5.75, 5.75)
