"""The product with stored weights of eight bits is the same product, and its ratio is told."""

import numpy as np

from workbench.lessons.reading_weights import _session, measure_reading, show_reading


def test_stored_bytes_give_the_same_product_when_compared():
    random = np.random.default_rng(0)
    weights, x = random.standard_normal((64, 64), dtype=np.float32), random.standard_normal((3, 64), dtype=np.float32)
    (floats,), (stored,) = (_session(weights, in_bytes=in_bytes).run(None, {"x": x}) for in_bytes in (False, True))
    assert np.abs(floats - x @ weights).max() < 1e-3
    assert np.abs(stored - floats).max() < 0.05 * np.abs(floats).max()


def test_ratio_is_measured_by_rows_and_told_when_shown(tmp_path):
    ratios = measure_reading(tmp_path, width=64, rows=[1, 4], rounds=2)
    assert list(ratios) == [1, 4]
    assert all(ratio > 0 for ratio in ratios.values())
    shown = show_reading(ratios, width=64, folder=tmp_path).data
    assert f"1 row: {ratios[1]:.2f}x; 4 rows: {ratios[4]:.2f}x" in shown
