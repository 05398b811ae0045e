"""Timing blocks of calls, and the job that does it in a worker."""

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench.backends.onnx_runtime import OnnxRuntimeSession
from workbench.measure.timer import EndToEnd, latency_job, means, run_block
from workbench.records import Scope

NO_DISCARD = {"discard_runs": 0, "discard_seconds": 0.0}


class Counter:
    """A call that counts itself, and may take time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls = 0
        self._seconds = seconds

    def __call__(self) -> None:
        self.calls += 1
        if self._seconds:
            time.sleep(self._seconds)


class Doubling:
    """A session that doubles its input."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self.batches.append(len(inputs["x"]))
        return {"y": inputs["x"] * 2}


class Sum:
    """A task whose prediction is the sum of the outputs, plus what preprocess remembered."""

    def preprocess(self, image: int) -> tuple[dict[str, Any], int]:
        return {"x": np.full((1, 2), image, dtype=np.float32)}, 100 * image

    def postprocess(self, outputs: dict[str, Any], meta: int) -> float:
        assert outputs["y"].shape == (1, 2)
        return float(outputs["y"].sum()) + meta


def test_run_block_times_as_many_calls_as_stated_when_no_time_is():
    call = Counter()
    samples = run_block(call, runs=7, seconds=0.0, **NO_DISCARD)
    assert len(samples) == call.calls == 7
    assert all(sample >= 0 for sample in samples)


def test_run_block_goes_on_when_the_runs_took_too_little_time():
    call = Counter(0.001)
    samples = run_block(call, runs=2, seconds=0.02, **NO_DISCARD)
    assert 2 < len(samples) == call.calls
    assert sum(samples) >= 20
    assert sum(samples[:-1]) < 20


def test_run_block_counts_in_milliseconds_when_a_call_takes_a_known_time():
    samples = run_block(Counter(0.005), runs=3, seconds=0.0, **NO_DISCARD)
    assert min(samples) >= 5
    assert min(samples) < 500


def test_run_block_throws_the_first_calls_away_when_told_how_many():
    call = Counter()
    samples = run_block(call, runs=4, seconds=0.0, discard_runs=15, discard_seconds=60.0)
    assert (len(samples), call.calls) == (4, 19)


def test_run_block_stops_throwing_away_when_the_time_is_over():
    call = Counter(0.004)
    samples = run_block(call, runs=1, seconds=0.0, discard_runs=1000, discard_seconds=0.01)
    assert len(samples) == 1
    assert 2 <= call.calls <= 4


def test_run_block_keeps_the_collector_out_when_it_times():
    seen: list[bool] = []
    run_block(lambda: seen.append(gc.isenabled()), runs=2, seconds=0.0, discard_runs=1, discard_seconds=1.0)
    assert seen == [True, False, False]
    assert gc.isenabled()


def test_run_block_turns_the_collector_on_again_when_a_call_raises():
    with pytest.raises(ZeroDivisionError):
        run_block(lambda: 1 / 0, runs=1, seconds=0.0, **NO_DISCARD)
    assert gc.isenabled()


def test_end_to_end_gives_predictions_in_order_when_images_come_in_batches():
    session = Doubling()
    whole = EndToEnd(session, Sum(), [1, 2, 3], batch=2)
    assert whole() == [104.0, 208.0]
    assert whole() == [312.0, 104.0]
    assert session.batches == [2, 2]


def test_end_to_end_tells_its_parts_when_drained():
    whole = EndToEnd(Doubling(), Sum(), [1], batch=1)
    assert whole.drain() == {}
    for _ in range(3):
        whole()
    parts = whole.drain()
    assert list(parts) == ["preprocess", "run", "postprocess"]
    assert all(value > 0 for value in parts.values())
    assert whole.drain() == {}


def block(scope: Scope, runs: int = 3) -> dict[str, Any]:
    return {"kind": "block", "scope": scope, "block": {"runs": runs, "seconds": 0.0, **NO_DISCARD}}


@pytest.fixture
def time_it(ends, linear_model, make_task) -> Callable[..., list[dict[str, Any]]]:
    def start(*messages: dict[str, Any], batch: int = 1, images: int = 8) -> list[dict[str, Any]]:
        ends.say({"kind": "warm"}, *messages)
        model = linear_model(np.eye(4))
        settings = {"device": "cpu", "precision": "fp32", "batch": batch}
        task = make_task(images=images)
        latency_job(
            ends.channel, backend="onnxruntime", model=str(model.folder), settings=settings, task=task, warmup=2
        )
        return ends.heard()

    return start


def test_latency_job_answers_each_block_when_told_to(time_it):
    opened, ready, runtime, whole = time_it(block(Scope.RUNTIME, 3), block(Scope.END_TO_END, 5))
    assert [message["kind"] for message in (opened, ready, runtime, whole)] == ["opened", "ready", "block", "block"]
    assert ready["first_call_ms"] > 0
    assert 0 < opened["open_s"] < 60
    assert (len(runtime["samples_ms"]), runtime["parts_ms"]) == (3, {})
    assert len(whole["samples_ms"]) == 5
    mean = sum(whole["samples_ms"]) / 5
    assert 0.3 * mean < sum(whole["parts_ms"].values()) <= mean


def test_latency_job_tells_the_parts_of_a_run_when_the_session_has_any(time_it, monkeypatch):
    asked = []

    def parts_ms(self, inputs):
        asked.append(inputs)
        return {"host_to_device": float(len(asked)), "inference": 2.0}

    monkeypatch.setattr(OnnxRuntimeSession, "parts_ms", parts_ms)
    _, _, runtime, whole = time_it(block(Scope.RUNTIME, 3), block(Scope.END_TO_END, 5))
    assert len(runtime["samples_ms"]) == 3
    assert runtime["parts_ms"] == {"host_to_device": 5.5, "inference": 2.0}
    assert list(whole["parts_ms"]) == ["preprocess", "run", "postprocess"]
    assert len(asked) == 10


def test_means_are_of_each_part_when_there_are_several_runs():
    assert means([{"a": 1.0, "b": 4.0}, {"a": 3.0, "b": 2.0}]) == {"a": 2.0, "b": 3.0}
    assert means([]) == means([{}, {}]) == {}


def test_latency_job_ends_when_there_are_no_more_messages(time_it):
    assert [message["kind"] for message in time_it()] == ["opened", "ready"]


@pytest.mark.parametrize(("batch", "images"), [(3, 8), (5, 2), (8, 8)])
def test_latency_job_fills_its_batches_when_images_are_more_or_fewer(time_it, batch, images):
    _, _, runtime, whole = time_it(block(Scope.RUNTIME), block(Scope.END_TO_END), batch=batch, images=images)
    assert len(runtime["samples_ms"]) == len(whole["samples_ms"]) == 3
