"""Parity with Paddle's FP32, the metric, the noise of quantization, and the drop with its interval."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.measure.accuracy import PARITY_SAMPLES, OutputNoise, check_job, drop_job, evaluate_job

EYE = np.eye(4)
SWAPPED = EYE[[1, 0, 2, 3]]
SETTINGS = {"device": "cpu", "precision": "fp32"}


def noise_of(
    folder: Path, kept: dict[str, Any], other: dict[str, Any], *, names: list[str] | None = None
) -> float | None:
    """The SQNR of one sample's outputs, after they were kept and read again."""
    OutputNoise(folder, keep=True, names=[]).add(0, {name: np.array(value) for name, value in kept.items()})
    noise = OutputNoise(folder, keep=False, names=names or [])
    noise.add(0, {name: np.array(value) for name, value in other.items()})
    return noise.sqnr_db()


@pytest.mark.parametrize(
    ("kept", "other", "decibels"),
    [
        ({"a": [3.0, 4.0]}, {"a": [3.0, 4.5]}, 20.0),
        ({"a": [3.0, 4.0]}, {"a": [3.0, 4.0]}, 200.0),
        ({"a": [3.0, 4.0]}, {"a": [0.0, 0.0]}, 0.0),
        ({"a": [3.0, 4.0], "b": [0.0]}, {"a": [3.0, 4.0], "b": [0.5]}, 20.0),
        ({"a": [3.0, 4.0], "count": [7]}, {"a": [3.0, 4.5], "count": [0]}, 20.0),
    ],
    ids=str,
)
def test_output_noise_is_known_when_the_difference_is(tmp_path, kept, other, decibels):
    assert noise_of(tmp_path, kept, other) == pytest.approx(decibels)


def test_output_noise_counts_named_outputs_only_when_some_are_named(tmp_path):
    kept, other = {"raw": [3.0, 4.0], "boxes": [1.0]}, {"raw": [3.0, 4.5], "boxes": [900.0]}
    assert noise_of(tmp_path, kept, other, names=["raw"]) == pytest.approx(20.0)


def test_output_noise_names_the_outputs_when_another_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"^measure\.sqnr_outputs: no output 'c'; outputs are: a, b$"):
        noise_of(tmp_path, {"a": [1.0], "b": [1.0]}, {"a": [1.0], "b": [1.0]}, names=["a", "c"])


@pytest.mark.parametrize(
    ("kept", "other"),
    [
        ({"boxes": [[1.0, 2.0]]}, {"boxes": [[1.0, 2.0], [3.0, 4.0]]}),
        ({"boxes": np.zeros((0, 6))}, {"boxes": np.ones((1, 6))}),
        ({"label": [3]}, {"label": [4]}),
        ({"a": [0.0]}, {"a": [1.0]}),
    ],
    ids=["more boxes", "first boxes", "integers", "no signal"],
)
def test_output_noise_gives_no_figure_when_outputs_do_not_compare(tmp_path, kept, other):
    assert noise_of(tmp_path, kept, other) is None


def test_output_noise_sums_over_samples_when_there_are_several(tmp_path):
    for keep, error in ((True, 0.0), (False, 1.0)):
        noise = OutputNoise(tmp_path, keep=keep, names=[])
        noise.add(0, {"a": np.array([10.0 + error])})
        noise.add(1, {"a": np.array([0.0])})
    assert noise.sqnr_db() == pytest.approx(20.0)


def test_output_noise_has_no_figure_when_the_outputs_are_the_reference(tmp_path):
    noise = OutputNoise(tmp_path, keep=True, names=[])
    noise.add(0, {"a": np.ones(3)})
    assert noise.sqnr_db() is None


@pytest.fixture
def check(tmp_path, channel, linear_model, make_task) -> Callable[..., dict[str, Any]]:
    """Check the identity, or other weights, against references that `reference` makes from each input."""

    def start(reference: Callable[[Any], Any] | None, *, weights: Any = EYE, batch: int = 1) -> dict[str, Any]:
        for index in range(PARITY_SAMPLES if reference else 0):
            sample = EYE[index % 4 : index % 4 + 1].astype(np.float32) * (1 + index)
            np.savez(tmp_path / f"reference-{index}.npz", y=reference(sample))
        return check_job(
            channel,
            backend="onnxruntime",
            model=str(linear_model(weights).folder),
            settings=SETTINGS | {"batch": batch},
            task=make_task(),
            reference=str(tmp_path) if reference else None,
        )

    return start


@pytest.mark.parametrize("batch", [1, 3])
def test_check_passes_parity_when_outputs_are_the_reference(check, batch):
    found = check(lambda sample: sample, batch=batch)
    assert found["parity"] == {"max_abs": 0.0, "cosine": pytest.approx(1.0), "passed": True}
    assert found["describe"]["providers"] == ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("reference", "passed"),
    [
        (lambda sample: sample * 1.0001, True),
        (lambda sample: sample * 1.01, False),
        (lambda sample: sample + np.float32([[0.0005, 0, 0, 0]]), True),
        (lambda sample: sample + np.float32([[0, 0.1, 0, 0]]), False),
        (lambda sample: sample[:, ::-1], False),
        (lambda sample: sample[:, :3], False),
        (np.zeros_like, False),
    ],
    ids=["rounding", "scaled", "shifted a little", "shifted", "reversed", "other shape", "zeros"],
)
def test_check_decides_parity_when_the_reference_differs(check, reference, passed):
    assert check(reference)["parity"]["passed"] is passed


def test_check_tells_the_worst_sample_when_samples_differ(check):
    found = check(lambda sample: sample * (1.5 if sample[0, 2] else 1.0))["parity"]
    assert found["max_abs"] == pytest.approx(1 / 3, rel=1e-3)
    assert found["cosine"] == pytest.approx(1.0)


def test_check_leaves_parity_out_when_there_is_no_reference(check):
    assert check(None)["parity"] is None


def test_check_refuses_when_outputs_are_not_numbers(check):
    with pytest.raises(ValueError, match="output 'y' holds values that are not finite numbers"):
        check(None, weights=EYE * np.nan)


@pytest.fixture
def evaluate(tmp_path, channel, linear_model, make_task) -> Callable[..., dict[str, Any]]:
    def start(weights: Any, *, compare: bool, limit: int | None = None, images: int = 8) -> dict[str, Any]:
        return evaluate_job(
            channel,
            backend="onnxruntime",
            model=str(linear_model(weights).folder),
            settings=SETTINGS,
            task=make_task(images=images),
            limit=limit,
            predictions=str(tmp_path / f"predictions-{compare}.json"),
            outputs=str(tmp_path),
            compare=compare,
            sqnr_images=3,
            sqnr_outputs=[],
        )

    return start


def test_evaluate_gives_the_metric_when_the_model_is_right(evaluate, tmp_path, ends):
    found = evaluate(EYE, compare=False)
    assert found.pop("run_ms") > 0
    assert found == {"metrics": {"right": 100.0, "count": 8.0}, "samples": 8, "sqnr_db": None}
    assert json.loads((tmp_path / "predictions-False.json").read_text()) == [0, 1, 2, 3, 0, 1, 2, 3]
    assert len(list(tmp_path.glob("outputs-*.npz"))) == 3
    steps = [(message["done"], message["total"]) for message in ends.heard()]
    assert steps == [(number, 8) for number in range(1, 9)]


def test_evaluate_compares_with_fp32_when_the_model_is_quantized(evaluate):
    evaluate(EYE, compare=False)
    found = evaluate(EYE * 1.01, compare=True)
    assert found["sqnr_db"] == pytest.approx(40.0, abs=0.01)
    assert found["metrics"]["right"] == 100.0


def test_evaluate_finds_what_is_wrong_when_the_model_mixes_up_classes(evaluate):
    evaluate(EYE, compare=False)
    found = evaluate(SWAPPED, compare=True)
    assert found["metrics"]["right"] == 50.0
    assert found["sqnr_db"] < 10


def test_evaluate_takes_the_first_samples_when_limited(evaluate):
    found = evaluate(EYE, compare=False, limit=5)
    assert (found["samples"], found["metrics"]["count"]) == (5, 5.0)


def test_evaluate_refuses_when_outputs_are_not_numbers(evaluate):
    evaluate(EYE, compare=False)
    with pytest.raises(ValueError, match="output 'y' holds values that are not finite numbers"):
        evaluate(np.full((4, 4), np.inf), compare=True)


@pytest.fixture
def drop(tmp_path, channel, make_task) -> Callable[..., dict[str, float]]:
    def start(baseline: list[int], other: list[int], *, higher_is_better: bool = True) -> dict[str, float]:
        files = [tmp_path / "baseline.json", tmp_path / "other.json"]
        for file, predictions in zip(files, (baseline, other), strict=True):
            file.write_text(json.dumps(predictions))
        task = make_task(images=40, higher_is_better=higher_is_better)
        return drop_job(channel, task=task, baseline=str(files[0]), other=str(files[1]), resamples=200)

    return start


RIGHT = [index % 4 for index in range(40)]
WORSE = [0 if index % 5 == 1 else truth for index, truth in enumerate(RIGHT)]


def test_drop_is_nothing_for_certain_when_predictions_are_equal(drop):
    assert drop(RIGHT, RIGHT) == {"drop": 0.0, "low": 0.0, "high": 0.0}


def test_drop_has_an_interval_when_some_predictions_are_worse(drop, ends):
    found = drop(RIGHT, WORSE)
    assert found["drop"] == pytest.approx(100 * sum(a != b for a, b in zip(RIGHT, WORSE, strict=True)) / 40)
    assert 0 < found["low"] < found["drop"] < found["high"] < 40
    assert ends.heard()[-1]["done"] == 200


def test_drop_is_negative_when_the_other_is_better(drop):
    found = drop(WORSE, RIGHT)
    assert found["drop"] < 0
    assert found["high"] < 0


def test_drop_turns_its_sign_when_lower_is_better(drop):
    assert drop(RIGHT, WORSE, higher_is_better=False)["drop"] < 0


def test_drop_is_the_same_when_asked_again(drop):
    first = drop(RIGHT, WORSE)
    assert drop(RIGHT, WORSE) == first


def test_drop_covers_the_predictions_when_evaluation_was_limited(drop):
    assert drop(RIGHT[:10], WORSE[:10])["drop"] == pytest.approx(
        100 * sum(a != b for a, b in zip(RIGHT[:10], WORSE[:10], strict=True)) / 10
    )
