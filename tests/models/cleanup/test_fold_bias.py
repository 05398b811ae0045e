"""Biases become 1-D weights that are added along the channels."""


def test_biases_are_folded_when_they_are_reshaped_or_stored_with_ones(cleaned):
    found = cleaned["biases"]
    assert found["applied"] == {"fold_bias": 6}
    assert "reshape2" in found["before"]
    assert "reshape2" not in found["after"]
    assert found["after"]["elementwise_add"] == found["before"]["elementwise_add"]


def test_biases_keep_their_names_when_they_were_flat_before_the_reshape(cleaned):
    assert {"conv2d_0.b_0", "conv2d_1.b_0"} <= set(cleaned["biases"]["weights"])


def test_additions_stay_when_they_are_no_bias(cleaned):
    assert cleaned["no_biases"]["applied"] == {}
