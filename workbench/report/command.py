"""`workbench compare`: two runs against each other."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.exit_codes import ExitCode
from workbench.terminal import console, print_table


def compare(
    run_a: Annotated[Path, typer.Argument(help="run folder to compare with", metavar="RUN_A")],
    run_b: Annotated[Path, typer.Argument(help="run folder to judge", metavar="RUN_B")],
    fail_on: Annotated[str, typer.Option("--fail-on", help="such as slower:5%,drop:0.5", metavar="LIMITS")] = "",
) -> None:
    """Tell what became faster, slower, less or more accurate from RUN_A to RUN_B, beyond the noise."""
    from workbench.pipeline.comparing import compare_folders
    from workbench.report.fail_on import failures, parse_fail_on

    limits = parse_fail_on(fail_on)
    differences = compare_folders(run_a, run_b)
    rows = [
        [
            d.verdict,
            d.quantity,
            _number(d.a),
            _number(d.b),
            _number(d.change),
            ": ".join(t for t in (d.name, d.reason) if t),
        ]
        for d in differences
    ]
    print_table(f"{run_a} -> {run_b}", ["verdict", "quantity", "A", "B", "change", "row"], rows)
    failed = failures(differences, limits)
    for line in failed:
        console.print(line, style="red", markup=False)
    raise typer.Exit(ExitCode.FAILED if failed else ExitCode.GOOD)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
