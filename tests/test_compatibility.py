"""What mends the libraries below us does as they do, but for the fault."""


def test_weights_are_rounded_as_paddle_rounds_them_when_all_channels_go_at_once(run_native):
    outcome = run_native("weights_rounded_otherwise")
    assert outcome.status == "ok", outcome.reason
    assert len(outcome.value["compared"]) == 6
    assert outcome.value["differ"] == []


def test_pruning_finds_the_operators_that_paddleslim_finds_when_it_is_faster(run_native, imported):
    outcome = run_native("operators_found_otherwise", model=imported["residual"].folder)
    assert outcome.status == "ok", outcome.reason
    assert outcome.value["pairs"] > 20
    assert outcome.value["differ"] == []
