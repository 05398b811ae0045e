"""Property, the real way: lowered INT8 is as near to FP32 as the INT8 model that Paddle itself runs, whatever the network.

Each network is grown from random steps, imported from ONNX, and quantized once; every backend is compared with its own FP32
on samples that calibration did not see. The yardstick of test_properties.py simulates Paddle, for many more networks.
"""

import itertools
import random

import numpy as np
import onnx
import pytest

from workbench.experiment import TaskSource
from workbench.tasks.loader import task_spec

SHAPE = (1, 8, 16, 16)
NETWORKS = 12  # in one worker, which takes longer to start Paddle than to do one of them
YARDSTICK, BACKENDS = "paddle_inference", ("onnxruntime", "openvino")
MOST_WITHOUT = 2  # networks of one worker that Paddle itself does not run in INT8 (see near_enough)
LONGEST = 8
CLEAR_DB = 20.0


def any_growth(lowering, seed):
    """Steps and head of a random network."""
    choose = random.Random(seed)
    return choose.choices(lowering.STEPS, k=choose.randint(1, LONGEST)), choose.choice(lowering.HEADS)


def yardstick(measured):
    """Paddle's SQNR, or None where it computes in float what the others have in INT8."""
    return None if measured["kept_in_float"] else measured[YARDSTICK]


def near_enough(lowering, ours, paddles):
    """Whether a lowered network's SQNR stands against Paddle's; `paddles` is None where Paddle is no yardstick, or gives NaN."""
    if ours is None or paddles is None:
        return ours is not None
    return ours >= min(paddles - lowering.ALLOWED_LOSS_DB, lowering.PLENTY_DB)


@pytest.mark.parametrize(
    "first_seed",
    [0, *(pytest.param(number * NETWORKS, marks=pytest.mark.slow) for number in range(1, 9))],
)
def test_lowered_networks_are_as_near_as_paddles_int8_model_when_grown_from_random_steps(
    lowering, noise_task_file, run_native, tmp_path, first_seed
):
    files, grown = {}, {}
    for seed in range(first_seed, first_seed + NETWORKS):
        steps, head = any_growth(lowering, seed)
        network = lowering.Network(*SHAPE, seed=seed)
        name = f"seed_{seed}"
        files[name], grown[name] = tmp_path / f"{name}.onnx", f"seed {seed}: {', '.join(steps)} -> {head}"
        onnx.save(network.model(lowering.grow(network, steps, head)), files[name])
    task = task_spec(TaskSource(file=noise_task_file, options={"shape": SHAPE}), tmp_path)
    started = []
    outcome = run_native(
        "noise_jobs:int8_noise", networks=files, task=task, backends=[YARDSTICK, *BACKENDS], models=tmp_path / "models",
        progress=lambda done, total, label: started.append(label),
    )  # fmt: skip
    assert outcome.status == "ok", f"{outcome.reason}; begun: {[grown[name] for name in started if name in grown][-1:]}"
    assert set(outcome.value) == set(files)
    too_noisy = [
        f"{grown[name]}: {backend} {measured[backend]} dB, Paddle {measured[YARDSTICK]} dB"
        for name, measured in outcome.value.items()
        for backend in BACKENDS
        if backend in measured and not near_enough(lowering, measured[backend], yardstick(measured))
    ]
    assert not too_noisy, "\n".join(too_noisy)
    assert sum(measured[YARDSTICK] is not None for measured in outcome.value.values()) >= NETWORKS - MOST_WITHOUT


def averaging(lowering, pooling, behind):
    """A network whose last layer reads an average, as the pooling leaves it, a part of it, or flattened."""
    network = lowering.Network(*SHAPE)
    joined = network.add("Concat", network.conv("x"), network.conv("x"), axis=1)
    window = {"kernel_shape": [16, 16], "strides": [16, 16]} if pooling == "AveragePool" else {}
    average = network.add(pooling, joined, **window)
    if not behind:
        return network.model(network.conv(average, inputs=16, kernel=1))
    if behind == "Slice":
        part = network.add(behind, average, *(network.constant(np.array([value])) for value in (0, 8, 1)))
        return network.model(network.conv(part, kernel=1))
    shape = [network.constant(np.array([-1, 16]))] if behind == "Reshape" else []
    # One magnitude everywhere, or Paddle would misread the weight, and so have the product in float.
    signs = network.constant(np.where(network.random.random((16, 8)) < 0.5, -1, 1).astype(np.float32))
    bias = network.constant(np.ones(8, np.float32))
    return network.model(network.add("Gemm", network.add(behind, average, *shape), signs, bias))


def test_paddles_int8_model_loses_little_when_an_average_is_narrower_than_what_it_is_taken_of(
    lowering, noise_task_file, run_native, tmp_path
):
    files = {}
    for pooling, behind in itertools.product(("GlobalAveragePool", "AveragePool"), ("", "Slice", "Flatten", "Reshape")):
        files[pooling + behind] = tmp_path / f"{pooling}{behind}.onnx"
        onnx.save(averaging(lowering, pooling, behind), files[pooling + behind])
    outcome = run_native(
        "noise_jobs:int8_noise", networks=files, backends=[YARDSTICK], models=tmp_path / "models",
        task=task_spec(TaskSource(file=noise_task_file, options={"shape": SHAPE}), tmp_path),
    )  # fmt: skip
    assert outcome.status == "ok", outcome.reason
    assert {name: measured["kept_in_float"] for name, measured in outcome.value.items()} == dict.fromkeys(files, 0)
    assert {
        name: measured[YARDSTICK] for name, measured in outcome.value.items() if measured[YARDSTICK] < CLEAR_DB
    } == {}
