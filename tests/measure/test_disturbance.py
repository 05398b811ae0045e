"""The guard that tells when something else disturbed a measurement."""

from pathlib import Path

import pytest

from workbench.measure.disturbance import Disturbance, LoadMeter

QUIET = {"user": 1000, "nice": 0, "system": 100, "idle": 5000, "iowait": 10, "irq": 0, "softirq": 5, "steal": 20}


def write_stat(path: Path, *, cores: int = 2, **ticks: int) -> None:
    """A /proc/stat as it is after QUIET and the further ticks."""
    values = " ".join(str(value + ticks.get(name, 0)) for name, value in QUIET.items())
    lines = [f"cpu  {values} 0 0", *(f"cpu{core} 0 0 0 0 0 0 0 0 0 0" for core in range(cores)), "intr 1 2 3", "ctxt 5"]
    path.write_text("\n".join(lines) + "\n")


def measure(stat: Path, *, threads: int, cores: int = 2, **ticks: int) -> Disturbance:
    write_stat(stat, cores=cores)
    meter = LoadMeter(threads=threads, stat=stat)
    write_stat(stat, cores=cores, **ticks)
    return meter.read()


@pytest.fixture
def stat(tmp_path: Path) -> Path:
    return tmp_path / "stat"


def test_read_finds_nothing_when_only_the_measured_threads_ran(stat):
    found = measure(stat, threads=1, user=90, system=10, idle=100)
    assert (found.steal, found.other_load, found.warning) == (0.0, 0.0, "")


def test_read_finds_other_load_when_more_ran_than_was_measured(stat):
    found = measure(stat, threads=1, cores=4, user=300, idle=100)
    assert found.other_load == pytest.approx(2.0)
    assert found.warning.startswith("disturbed while measuring: other processes used 2.0 cores; compare ratios only")


def test_read_finds_steal_when_the_hypervisor_took_time(stat):
    found = measure(stat, threads=2, user=90, steal=10)
    assert found.steal == pytest.approx(0.1)
    assert "the hypervisor took 10% of the CPU time;" in found.warning


def test_warning_names_both_when_both_disturbed(stat):
    found = measure(stat, threads=1, user=180, steal=20)
    assert "took 10% of the CPU time, and other processes used 0.8 cores" in found.warning


def test_read_counts_waiting_as_idle_when_disks_are_slow(stat):
    assert measure(stat, threads=1, iowait=1000, user=10).other_load == 0.0


def test_read_counts_no_less_than_nothing_when_the_measured_threads_slept(stat):
    assert measure(stat, threads=2, idle=200).other_load == 0.0


def test_read_finds_nothing_when_no_time_passed(stat):
    assert measure(stat, threads=1) == Disturbance(0.0, 0.0)


def test_read_finds_nothing_when_the_kernel_tells_nothing(tmp_path):
    assert LoadMeter(threads=1, stat=tmp_path / "missing").read() == Disturbance(0.0, 0.0)


def test_read_is_in_range_when_the_kernel_is_real():
    found = LoadMeter(threads=1).read()
    assert 0.0 <= found.steal <= 1.0
    assert found.other_load >= 0.0


def test_warning_stays_away_when_the_limits_are_just_kept():
    assert Disturbance(steal=0.02, other_load=0.25).warning == ""
    assert Disturbance(steal=0.03, other_load=0.0).as_dict() == {"steal": 0.03, "other_load": 0.0}
