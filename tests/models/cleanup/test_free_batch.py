"""Networks that were exported for a batch of one take any batch."""


def test_any_batch_goes_through_when_reshapes_were_made_for_one(cleaned):
    found = cleaned["one_by_one"]
    assert found["applied"] == {"fold_bias": 5, "free_batch": 3, "unshuffle": 2}
    assert found["output_shapes"] == [[-1, 4, 64]]
    assert found["difference"] < 1e-5


def test_reshape_stays_when_it_works_for_any_batch(cleaned):
    assert "free_batch" not in cleaned["whole_batch"]["applied"]
    assert cleaned["whole_batch"]["difference"] < 1e-5
