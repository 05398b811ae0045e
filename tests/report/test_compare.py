"""Tests of the comparison of two runs."""

from collections.abc import Callable

import pytest

from workbench.records import Device, Metric, Precision, Record, Status
from workbench.report.compare import Difference, Outcome, Quantity, compare_runs

Make = Callable[..., Record]
MakeMetric = Callable[..., Metric]


def only(differences: list[Difference], quantity: Quantity) -> Difference:
    (found,) = [difference for difference in differences if difference.quantity is quantity]
    return found


def latency(a: Record, b: Record) -> Difference:
    return only(compare_runs([a], [b], same_machine=True), Quantity.LATENCY)


def test_compare_finds_nothing_when_the_runs_are_equal(one_backend: list[Record]) -> None:
    found = compare_runs(one_backend, one_backend, same_machine=True)
    assert {difference.verdict for difference in found} == {Outcome.SAME}
    assert [difference.quantity for difference in found].count(Quantity.LATENCY) == 4
    assert [difference.quantity for difference in found].count(Quantity.ACCURACY) == 2
    assert [difference.quantity for difference in found].count(Quantity.SIZE) == 2


@pytest.mark.parametrize(("p50", "verdict"), [(5.0, "slower"), (3.0, "faster"), (4.0, "same"), (3.8, "same")])
def test_compare_judges_latency_against_the_block_noise_when_it_changes(
    make_record: Make, p50: float, verdict: str
) -> None:
    found = latency(make_record(), make_record(latency_p50_ms=p50))
    assert found.verdict == verdict
    assert (found.a, found.b) == (3.9, p50)
    assert found.change == pytest.approx(p50 / 3.9 - 1)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low == pytest.approx(2 * 2**0.5 * 0.1 / 3.1)


def test_compare_calls_a_drift_the_same_when_the_control_is_as_wide(make_record: Make, make_metric: MakeMetric) -> None:
    a, b = make_record(), make_record(latency_p50_ms=4.4)
    control = [make_metric("aa_control", 1.0), make_metric("aa_control_high", 1.15)]
    assert latency(a, b).verdict is Outcome.SLOWER
    found = compare_runs([a], [b], same_machine=True, metrics_b=control)
    assert only(found, Quantity.LATENCY).verdict is Outcome.SAME


def test_compare_assumes_drift_when_a_run_has_neither_control_nor_interval(make_record: Make) -> None:
    fp32 = {"precision": Precision.FP32, "latency_std_ms": 0.01}
    assert latency(make_record(**fp32), make_record(**fp32, latency_p50_ms=12.9)).verdict is Outcome.SAME
    assert latency(make_record(**fp32), make_record(**fp32, latency_p50_ms=13.4)).verdict is Outcome.SLOWER


def test_compare_refuses_latency_but_not_accuracy_when_machines_differ(make_record: Make) -> None:
    worse = {"metric_value": 95.0, "metric_drop": 3.0, "drop_low": 2.7, "drop_high": 3.3}
    found = compare_runs(
        [make_record()], [make_record(machine_id="m2", latency_p50_ms=9.0, **worse)], same_machine=False
    )
    refused = only(found, Quantity.LATENCY)
    assert (refused.verdict, refused.change) == (Outcome.NOT_COMPARED, None)
    assert "different machines" in refused.reason
    assert only(found, Quantity.ACCURACY).verdict is Outcome.LESS_ACCURATE


def test_compare_loses_no_row_when_a_run_holds_two_machines(make_record: Make) -> None:
    a = [make_record(), make_record(machine_id="m2")]
    found = compare_runs(a, [make_record(machine_id="m3")], same_machine=False)
    assert not any(difference.verdict is Outcome.MISSING for difference in found)


def test_compare_calls_accuracy_the_same_when_the_drop_intervals_are_wide(make_record: Make) -> None:
    other = make_record(metric_drop=0.6, metric_value=97.4, drop_low=0.2, drop_high=1.0)
    found = only(compare_runs([make_record()], [other], same_machine=True), Quantity.ACCURACY)
    assert found.verdict is Outcome.SAME
    assert found.change == pytest.approx(0.3)


def test_compare_tells_the_loss_when_fp32_itself_lost(make_record: Make) -> None:
    a = make_record(precision=Precision.FP32, metric_drop=0.0)
    b = make_record(precision=Precision.FP32, metric_drop=0.0, metric_value=97.0)
    found = only(compare_runs([a], [b], same_machine=True), Quantity.ACCURACY)
    assert (found.verdict, found.change) == (Outcome.LESS_ACCURATE, 1.0)


def test_compare_turns_the_sign_when_a_lower_metric_is_better(make_record: Make) -> None:
    fp32 = make_record(precision=Precision.FP32, metric_value=10.0)
    int8 = make_record(metric_value=12.0, metric_fp32=10.0, metric_drop=2.0)
    better = fp32.model_copy(update={"metric_value": 9.0})
    found = [d for d in compare_runs([fp32, int8], [better, int8], same_machine=True) if d.quantity == "accuracy"]
    assert [difference.verdict for difference in found] == [Outcome.MORE_ACCURATE, Outcome.SAME]


def test_compare_refuses_accuracy_when_the_metrics_differ(make_record: Make) -> None:
    found = compare_runs([make_record()], [make_record(metric_name="mAP")], same_machine=True)
    assert only(found, Quantity.ACCURACY).reason == "A has top1 and B has mAP"


def test_compare_tells_larger_when_the_model_grew(make_record: Make) -> None:
    found = compare_runs([make_record()], [make_record(model_size_mb=4.2)], same_machine=True)
    size = only(found, Quantity.SIZE)
    assert size.verdict is Outcome.LARGER
    assert size.change == pytest.approx(1.0)


def test_compare_tells_missing_when_an_ok_row_is_lost(make_record: Make) -> None:
    crashed = make_record(status=Status.CRASHED, reason="signal 11")
    (absent,) = compare_runs([make_record()], [], same_machine=True)
    (broken,) = compare_runs([make_record()], [crashed], same_machine=True)
    assert (absent.verdict, absent.reason) == (Outcome.MISSING, "ok in A, not in B")
    assert (broken.verdict, broken.reason) == (Outcome.MISSING, "ok in A, crashed in B (signal 11)")


def test_compare_compares_nothing_when_the_row_is_new_or_was_never_ok(
    make_record: Make, all_unavailable: list[Record]
) -> None:
    found = compare_runs(all_unavailable, [*all_unavailable, make_record()], same_machine=True)
    assert {difference.verdict for difference in found} == {Outcome.NOT_COMPARED}
    assert found[-1].reason == "not in A"


def test_compare_keeps_apart_when_only_device_or_variant_differ(make_record: Make) -> None:
    a = [make_record(), make_record(device=Device.GPU), make_record(variant="mse")]
    assert not any(d.verdict is Outcome.MISSING for d in compare_runs(a, a, same_machine=True))
    lost = compare_runs(a, a[:1], same_machine=True)
    assert [d.verdict for d in lost].count(Outcome.MISSING) == 2


def test_compare_tells_two_fp32_models_apart_when_a_method_made_one(make_record: Make, make_pruned: Make) -> None:
    fp32 = make_record(precision=Precision.FP32)
    worse = make_pruned(metric_drop=2.0, metric_value=96.0, model_size_mb=4.5)
    found = compare_runs([fp32, make_pruned()], [worse, fp32], same_machine=True)
    changed = {(d.quantity, d.verdict, "prune" in d.name) for d in found if d.verdict is not Outcome.SAME}
    expected = {(Quantity.ACCURACY, Outcome.LESS_ACCURATE, True), (Quantity.SIZE, Outcome.LARGER, True)}
    assert changed == expected
    lost = compare_runs([fp32, make_pruned()], [fp32], same_machine=True)
    assert [d.name for d in lost if d.verdict is Outcome.MISSING] == [
        "digits: onnxruntime on cpu, 1 thread, batch 1, FP32 prune (flops0.5), runtime"
    ]
