"""Tests of how a notebook shows a recommended method."""

from collections.abc import Callable

from workbench.quant import recommend
from workbench.records import Precision, Record
from workbench.report.choice import choices_table, show_choice

Make = Callable[..., Record]


def test_choice_shows_recipe_reason_and_only_its_method_when_it_was_measured(
    make_record: Make, make_pruned: Make
) -> None:
    chosen = recommend(data="labelled", time="hours", device="x86", goal="speed")
    records = [make_record(precision=Precision.FP32), make_record(), make_pruned(metric_drop=0.5)]
    html = show_choice(chosen, records).data
    assert "- {method: prune, train: {iterations: 5000}, prune: {flops: 0.3}}" in html
    assert "(PaddleSlim, demo/mkldnn_quant/README_en.md)" in html
    assert "FP32 prune (flops0.5)" in html
    assert "static" not in html


def test_choice_says_so_when_the_run_has_no_such_model(make_record: Make) -> None:
    chosen = recommend(data="labelled", time="hours", device="arm", goal="accuracy")
    assert "The run has no model of method qat." in show_choice(chosen, [make_record()]).data


def test_choice_says_so_when_the_run_compares_nothing(one_backend: list[Record]) -> None:
    chosen = recommend(data="unlabelled", time="minutes", device="x86_vnni", goal="speed")
    assert "The run has no other method to set beside it." in show_choice(chosen, one_backend).data


def test_choices_table_has_a_method_in_each_cell_when_made() -> None:
    table = choices_table()
    assert table.shape == (27, 7)
    assert not table.isna().any().any()
    assert {
        "none (fp32)",
        "none (bf16)",
        "none (fp16)",
        "dynamic",
        "static",
        "distill",
        "qat",
        "pact",
        "prune",
        "distill_prune",
        "prune_qat",
    } == set(table[["x86", "x86_vnni", "arm", "nvidia_gpu"]].to_numpy().ravel())
