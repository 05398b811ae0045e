"""Comparing two run folders."""

from pathlib import Path

from workbench.records import read_metrics, read_records
from workbench.report.compare import Difference, compare_runs


def compare_folders(run_a: Path, run_b: Path) -> list[Difference]:
    """What changed from the run in one folder to the run in another; raises InputError for a folder without results."""
    a, b = read_records(run_a), read_records(run_b)
    machines = {row.machine_id for row in [*a, *b]}
    return compare_runs(
        a, b, same_machine=len(machines) == 1, metrics_a=read_metrics(run_a), metrics_b=read_metrics(run_b)
    )
