"""Inputs for sessions, right and wrong, and what the right ones must give."""

import numpy as np
import pytest

from workbench.experiment import TaskSource
from workbench.measure.statistics import sqnr_db
from workbench.tasks.loader import load_task, task_spec


@pytest.fixture(scope="session")
def session_inputs(tiny_task_file, tmp_path_factory):
    """Files of named arrays: the first evaluation samples, and what no session may take."""
    folder = tmp_path_factory.mktemp("inputs")
    task = load_task(task_spec(TaskSource(file=tiny_task_file), folder))
    one, other = (task.preprocess(sample.decode())[0]["image"] for sample in task.evaluation()[:2])
    files = {
        "one": {"image": one},
        "two": {"image": np.concatenate([one, other])},
        "one_again": {"image": one},
        "wrong_name": {"picture": one},
        "wrong_dtype": {"image": one.astype(np.float64)},
        "wrong_shape": {"image": one[:, :2]},
        "wrong_rank": {"image": one[0]},
        "unknown_input": {"image": one, "mask": one},
    }
    for name, arrays in files.items():
        np.savez(folder / f"{name}.npz", **arrays)
    return {name: str(folder / f"{name}.npz") for name in files}


@pytest.fixture(scope="session")
def reference(finished_run):
    """What Paddle's plain executor gives for the first evaluation samples, [n, 4]."""
    (folder,) = finished_run.folder.joinpath("outputs").glob("reference-*")
    rows = []
    for path in sorted(folder.glob("reference-*.npz")):
        with np.load(path) as arrays:
            rows.extend(arrays.values())
    values = np.concatenate(rows)
    assert 0.1 < values.max(axis=1).mean() < 0.99, "outputs that are all zeros and ones compare nothing"
    return values


@pytest.fixture(scope="session")
def sqnr():
    """Signal to noise ratio of an array against another, in dB."""
    return lambda signal, other: sqnr_db(float((signal**2).sum()), float(((signal - other) ** 2).sum()))
