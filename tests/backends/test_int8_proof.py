"""The figures that say whether INT8 runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.backends.int8_proof import NAMES_SHOWN, Operator, int8_facts

CONV8 = Operator("QLinearConv", "a", "int8", matrix=True, ms=1.0)
CONV = Operator("Conv", "b", "f32", matrix=True, ms=3.0)
RELU = Operator("Relu", "c", "s8", matrix=False, ms=4.0)


def test_facts_count_matrix_operators_only_when_others_run_in_int8_too() -> None:
    facts = int8_facts([CONV8, CONV, CONV, RELU], run_ms=10.0)
    assert facts["operators"] == {"Conv": 2, "QLinearConv": 1, "Relu": 1}
    assert facts["matrix_operators"] == {"fp32": 2, "int8": 1}
    assert facts["int8_share"] == pytest.approx(1 / 3)
    assert facts["int8_time_share"] == pytest.approx(0.1)
    assert (facts["float_operators"], facts["float_names"]) == ({"Conv": 2}, ["b", "b"])


def test_facts_have_no_share_when_there_is_nothing_to_share() -> None:
    facts = int8_facts([RELU], run_ms=1.0)
    assert (facts["int8_share"], facts["int8_time_share"]) == (None, 0.0)
    assert int8_facts([])["int8_share"] is None


def test_facts_have_no_time_share_when_nothing_was_profiled() -> None:
    assert int8_facts([CONV8])["int8_time_share"] is None


@pytest.mark.parametrize("name", ["f32", "float", "fp32"])
def test_facts_have_one_word_for_a_type_when_runtimes_have_several(name: str) -> None:
    assert int8_facts([CONV._replace(computes_in=name)])["matrix_operators"] == {"fp32": 1}


@given(st.lists(st.sampled_from([CONV8, CONV, RELU]), max_size=40), st.floats(0.1, 100.0))
def test_facts_stay_shares_when_anything_runs(operators: list[Operator], run_ms: float) -> None:
    facts = int8_facts(operators, run_ms=run_ms)
    assert facts["int8_share"] is None or 0 <= facts["int8_share"] <= 1
    assert 0 <= facts["int8_time_share"] <= 1
    assert len(facts["float_names"]) <= NAMES_SHOWN
    assert sum(facts["float_operators"].values()) == operators.count(CONV)
