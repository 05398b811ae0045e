"""What does not depend on the input is computed once."""


def test_constants_are_stored_when_they_come_from_weights_and_fixed_shapes(cleaned):
    found = cleaned["constants"]
    assert found["applied"]["fold_constants"] >= 3
    assert not {"fill_constant", "transpose2", "shape", "slice", "cast", "scale"} & set(found["after"])
    assert found["after"]["matmul_v2"] == 1


def test_constant_is_computed_every_time_when_it_would_blow_up_the_file(cleaned):
    assert cleaned["large_constant"]["applied"] == {}
    assert cleaned["large_constant"]["after"]["expand_v2"] == 1
