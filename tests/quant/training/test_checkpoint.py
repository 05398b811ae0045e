"""Checkpoints: what is read is what was written, and an unfinished one is never read."""

import contextlib

import numpy as np

from workbench.quant.training.checkpoint import Checkpoint


def test_checkpoint_comes_back_when_it_was_saved(tmp_path):
    state = {"conv2d_0.w_0": np.ones((2, 3), np.float32), "a/b@scale": np.array([2], np.int64)}
    Checkpoint((0.5, 0.25), state).save(tmp_path / "kept" / "one.npz")
    found = Checkpoint.load(tmp_path / "kept" / "one.npz")
    assert found is not None
    assert found.losses == (0.5, 0.25)
    assert list(found.state) == list(state)
    assert all((found.state[name] == state[name]).all() for name in state)
    assert found.state["a/b@scale"].dtype == np.int64


def test_checkpoint_is_absent_when_none_was_saved(tmp_path):
    assert Checkpoint.load(tmp_path / "none.npz") is None


def test_last_checkpoint_stays_when_writing_the_next_is_cut_off(tmp_path, monkeypatch):
    path = tmp_path / "one.npz"
    Checkpoint((0.5,), {"w": np.zeros(3)}).save(path)
    monkeypatch.setattr("os.replace", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with contextlib.suppress(KeyboardInterrupt):
        Checkpoint((0.5, 0.1), {"w": np.ones(3)}).save(path)
    found = Checkpoint.load(path)
    assert found is not None
    assert found.losses == (0.5,)
