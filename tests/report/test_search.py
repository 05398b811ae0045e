"""The section of an accuracy-aware search."""

from typing import Any

import pytest

from workbench.report.search import search_section


def trial(
    size: int, drop: float | None, sqnr_db: float | None, *, passed: bool, algorithm: str = "hist"
) -> dict[str, Any]:
    reason = "" if drop is not None else "crashed: out of memory"
    return {
        "candidate": {"algorithm": algorithm, "in_float": [f"t{i}" for i in range(size)]},
        "judgement": {"drop": drop, "sqnr_db": sqnr_db, "latency_ms": 3.0, "seconds": 2.0, "reason": reason},
        "why": "more in float", "judged_drop": drop, "passed": passed,
    }  # fmt: skip


def outcome(*trials: dict[str, Any], chosen: int | None, price: dict[str, float] | None = None) -> dict[str, Any]:
    best = None if chosen is None else trials[chosen]
    return {
        "reached": bool(best and best["passed"]), "chosen": best, "trials": list(trials), "ended": "the target is met",
        "samples": 32, "price": price, "in_float": {"pool": "worst SQNR: 12.3 dB alone"} if best else {},
    }  # fmt: skip


@pytest.fixture
def found() -> dict[str, Any]:
    first, second = trial(0, 3.5, 12.0, passed=False), trial(1, 0.4, 20.0, passed=True)
    price = {"ms": 1.25, "ratio": 1.1, "low": 1.05, "high": 1.15, "warning": ""}
    return {
        "metric": "mAP",
        "target": {"max_drop": 1.0, "min_sqnr_db": None},
        "backends": {
            "paddle_inference": outcome(first, second, chosen=1, price=price),
            "onnxruntime": outcome(first, trial(1, 2.0, 14.0, passed=False), chosen=1),
            "openvino": outcome(trial(0, None, None, passed=False), chosen=None),
        },
        "not_searched": {"tensorrt": "package tensorrt is not installed"},
    }


def test_sentences_tell_what_was_found_and_its_price_when_the_target_is_met(found, tmp_path):
    section = search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.")
    assert section.title == "static-hist: at most 1 points of mAP"
    assert section.sentences[0] == (
        "paddle_inference: reached after 2 evaluations (the target is met): hist ranges with 1 tensor kept in float: "
        "0.40 points of mAP lost on 32 search samples, 20.0 dB, +1.25 ms for what is in float (latency x 1.1, 1.05 to 1.15)."
    )


def test_price_is_called_noisy_when_the_machine_was_disturbed(found, tmp_path):
    found["backends"]["paddle_inference"]["price"]["warning"] = "other processes used 1.0 cores"
    sentence = search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.").sentences[0]
    assert "1.05 to 1.15; the machine was not quiet)" in sentence


def test_sentences_tell_what_is_missing_when_the_target_is_not_met(found, tmp_path):
    sentences = search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.").sentences
    assert "onnxruntime: not reached; the best found is after 2 evaluations" in sentences[1]
    assert sentences[2] == "openvino: nothing could be evaluated: crashed: out of memory."
    assert sentences[3] == "tensorrt was not searched on: package tensorrt is not installed."


def test_tables_hold_every_trial_and_tensor_when_made(found, tmp_path):
    section = search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.")
    assert section.trials["Within target"].tolist() == ["no", "yes", "no", "no", "crashed: out of memory"]
    assert section.in_float["Backend"].tolist() == ["paddle_inference", "onnxruntime"]
    assert section.in_float["Why"].unique().tolist() == ["worst SQNR: 12.3 dB alone"]


def test_plot_is_drawn_with_its_facts_when_there_are_trials(found, tmp_path):
    figure = search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.").figure
    assert figure is not None
    assert figure.path.read_bytes().startswith(b"\x89PNG")
    assert "onnxruntime, hist, 1 in float: 2.00 points" in figure.alt


def test_plot_is_left_out_when_nothing_was_evaluated(found, tmp_path):
    found["backends"] = {"openvino": found["backends"]["openvino"]}
    (tmp_path / "search_static-hist.png").write_bytes(b"old")
    assert search_section("static-hist", found, records=[], out_dir=tmp_path, caption="A CPU.").figure is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("drop", "low", "high", "verdict"),
    [
        (0.3, 0.1, 0.6, "within the target"),
        (1.3, 0.2, 2.3, "above the target, but within noise of it"),
        (2.3, 1.2, 3.3, "above the target"),
    ],
)
def test_sentence_tells_what_unseen_samples_say_when_the_row_was_measured(
    found, make_record, tmp_path, drop, low, high, verdict
):
    row = make_record(backend="onnxruntime", metric_drop=drop, drop_low=low, drop_high=high)
    sentences = search_section("static-hist", found, records=[row], out_dir=tmp_path, caption="A CPU.").sentences
    expected = f" On the evaluation samples it loses {drop:.2f} points ({low:.2f} to {high:.2f}): {verdict}."
    assert sentences[1].endswith(expected)
    assert "evaluation samples" not in sentences[0]
