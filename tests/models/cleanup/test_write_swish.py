"""Gates become the one operator that is fused behind a convolution."""


def test_gates_become_swish_when_they_multiply_what_the_sigmoid_reads(cleaned):
    found = cleaned["gates"]
    assert found["applied"]["write_swish"] == 3
    assert found["after"]["swish"] == 3
    assert not found["after"].keys() & {"silu", "sigmoid", "elementwise_mul"}


def test_sigmoids_stay_when_they_gate_something_else_or_are_read_twice(cleaned):
    found = cleaned["other_gates"]
    assert "write_swish" not in found["applied"]
    assert (found["after"]["sigmoid"], found["after"]["elementwise_mul"]) == (2, 2)
