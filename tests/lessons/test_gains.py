"""What a run gained: both scopes and memory, one backend at a time."""

from workbench.lessons.gains import gains_less_end_to_end, memory_table, scopes_table
from workbench.records import Device, Precision, Record, Scope, Status

SAME = {"model": "tiny", "device": Device.CPU, "status": Status.OK, "threads": 1, "batch": 1}


def rows(backend, *, runtime, whole, memory=(200.0, 180.0)):
    """FP32's and INT8's rows in both scopes; `runtime` and `whole` are the speed-up with its interval."""
    made = []
    for precision, digest, mb, peak in (("fp32", "f", 12.0, memory[0]), ("int8", "q", 3.0, memory[1])):
        for scope, (ratio, low, high) in ((Scope.RUNTIME, runtime), (Scope.END_TO_END, whole)):
            ratios = {} if precision == "fp32" else {"speedup_vs_fp32": ratio, "speedup_low": low, "speedup_high": high}
            method = {"method": "none"} if precision == "fp32" else {"method": "static"}
            made.append(
                Record(**SAME, **ratios, **method, backend=backend, precision=Precision(precision), scope=scope, model_digest=digest, model_size_mb=mb, peak_rss_mb=peak)
            )  # fmt: skip
    return made


def test_scopes_stand_side_by_side_for_each_backend_when_both_were_timed():
    records = [*rows("a", runtime=(3, 2.8, 3.1), whole=(2, 1.9, 2.1)), *rows("b", runtime=(2, 1, 3), whole=(2, 1, 3))]
    table = scopes_table([*records, *rows("c", runtime=(2, 1, 3), whole=(2, 1, 3))[:3]])
    assert list(table["backend"]) == ["a", "b"]
    assert list(table.iloc[0]) == ["a", 1, "3.00 (2.80 to 3.10)", "2.00 (1.90 to 2.10)"]


def test_end_to_end_gains_less_unless_it_is_beyond_the_intervals_when_judged():
    assert gains_less_end_to_end(rows("a", runtime=(2, 1.9, 2.1), whole=(2.05, 2.0, 2.2)))
    assert not gains_less_end_to_end(rows("a", runtime=(2, 1.9, 2.1), whole=(2.5, 2.4, 2.6)))


def test_memory_says_what_is_saved_in_files_and_in_the_process_when_shown():
    table = memory_table(rows("a", runtime=(2, 1, 3), whole=(2, 1, 3)))
    assert table.to_numpy().tolist() == [["a", "files", "12", "3", "9"], ["a", "peak memory", "200", "180", "20"]]
