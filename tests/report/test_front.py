"""The trade-off front: which rows no other one beats, as picture, list and sentence."""

import xml.etree.ElementTree as ElementTree

from workbench.records import Precision, Scope
from workbench.report.front import best_of, front_svg, fronts


def measured(make_record, *figures):
    return [make_record(variant=f"{ms}", latency_p50_ms=ms, metric_drop=drop) for ms, drop in figures]


def test_front_holds_what_no_row_beats_when_rows_differ(make_record):
    rows = measured(make_record, (5.0, 0.2), (3.0, 0.9), (4.0, 0.9), (6.0, 0.3), (9.0, -0.1), (3.0, 1.0))
    assert [(row.latency_p50_ms, row.metric_drop) for row in best_of(rows)] == [(3.0, 0.9), (5.0, 0.2), (9.0, -0.1)]


def test_front_holds_one_row_when_all_are_equal(make_record):
    assert len(best_of(measured(make_record, (3.0, 0.1), (3.0, 0.1)))) == 1


def test_fronts_are_one_for_each_model_and_scope_when_there_are_several(make_record):
    rows = [
        make_record(model=m, scope=s, precision=p)
        for m in "ab"
        for s in Scope
        for p in (Precision.FP32, Precision.INT8)
    ]
    assert [front.title.split(":")[0] for front in fronts(rows)] == ["a on machine m1"] * 2 + ["b on machine m1"] * 2


def test_fronts_are_none_when_accuracy_or_latency_is_missing(make_record, all_unavailable):
    bare = [make_record(metric_drop=None), make_record(latency_p50_ms=None), make_record()]
    assert fronts([*bare, *all_unavailable]) == []


def test_front_tells_its_best_choices_when_drawn(make_record):
    (front,) = fronts([make_record(precision=Precision.FP32), make_record()])
    assert front.choices == [
        "1. INT8 static (hist), onnxruntime on cpu: 3.9 ms, 0.3 (0.1 to 0.6) points lost",
        "2. FP32, onnxruntime on cpu: 12.3 ms, 0 points lost",
    ]
    assert "Scatter plot of 2 rows" in front.alt
    assert front.choices[0] in front.alt
    drawn = front_svg(front, caption="a machine")
    ElementTree.fromstring(drawn)
    assert front.choices[0] in drawn
    assert drawn.count("<circle") == 2


def test_front_keeps_room_for_the_best_when_a_row_is_far_off(make_record):
    near = measured(make_record, (3.0, 0.9), (5.0, 0.2), (6.0, 1.5))
    (front,) = fronts(near)
    assert "Arrows" not in front_svg(front, caption="")
    (front,) = fronts([*near, *measured(make_record, (4.0, 66.0))])
    assert "Arrows at the upper edge: 1 with more than " in front_svg(front, caption="")


def test_front_is_well_formed_when_names_are_hostile(make_record):
    name = '<img src=x onerror=alert(1)> & " \x07 名'
    rows = [
        make_record(model=name, variant=f"{name}{i}", backend=name, metric_name=name, latency_p50_ms=3.0 + i)
        for i in range(3)
    ]
    (front,) = fronts(rows)
    drawn = front_svg(front, caption=name)
    assert {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()} <= {
        "svg", "defs", "text", "path", "g", "rect", "circle"
    }  # fmt: skip
