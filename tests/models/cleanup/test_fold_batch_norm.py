"""Batch normalization goes into the weights of the layer before it."""


def test_every_kind_of_layer_takes_its_normalization_in_when_it_has_one(cleaned):
    found = cleaned["norms"]
    assert found["applied"]["fold_batch_norm"] == found["before"]["batch_norm"] == 5
    assert "batch_norm" not in found["after"]
    assert found["after"]["elementwise_add"] == 5


def test_weights_keep_their_names_when_a_normalization_is_folded(cleaned):
    weights = set(cleaned["norms"]["weights"])
    assert {"conv2d_0.w_0", "conv2d_1.w_0", "conv2d_1.b_0", "conv2d_transpose_0.w_0", "linear_0.w_0"} <= weights
    assert len(weights) == 10


def test_normalizations_stay_when_no_layer_can_take_them(cleaned):
    found = cleaned["norms_apart"]
    assert found["applied"] == {}
    assert found["after"]["batch_norm"] == 3
