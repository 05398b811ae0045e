"""Stage 5: tables, plots and the page, and whether the run is what its recipe expects."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from workbench.files import write_json
from workbench.machine import this_machine
from workbench.pipeline.rows import assemble, required_keys
from workbench.pipeline.stages import Experiment, Stage
from workbench.records import Record, Status, write_metrics, write_records
from workbench.report.expectations import Verdict, check_expectations, required_verdicts

ENDED_BADLY = (Status.FAILED, Status.CRASHED, Status.TIMEOUT)


def report(experiment: Experiment) -> dict[str, Any]:
    """Write results.csv, results.json, metrics.csv, plots, report.md and report.html; returns and keeps the verdicts and the plots.

    Raises InputError that names the stage to run first when one has not run.
    """
    from workbench.report.page import write_report

    with experiment.stage(Stage.REPORT):
        records, metrics = assemble(experiment)
        verdicts = check(experiment, records)
        write_records(experiment.run.path, records)
        write_metrics(experiment.run.path, metrics)
        machine = {"date": datetime.now(UTC).date().isoformat()} | this_machine().as_dict()
        write_json(experiment.run.path / "machine.json", machine)
        figures = write_report(
            experiment.run.path,
            title=experiment.recipe.name,
            records=records,
            metrics=metrics,
            machine=machine,
            recipe_text=experiment.recipe_text,
            verdicts=verdicts,
            searches=_searches(experiment),
        )
        drawn = [
            {"path": str(f.path.relative_to(experiment.run.path)), "title": f.title, "alt": f.alt} for f in figures
        ]
        state = {"rows": len(records), "verdicts": [asdict(verdict) for verdict in verdicts], "figures": drawn}
        experiment.save(Stage.REPORT, state)
        return state


def _searches(experiment: Experiment) -> dict[str, Any]:
    """What the accuracy-aware searches found, by model."""
    models = experiment.load(Stage.QUANTIZE)["models"]
    files = {key: experiment.run.path / model["search"] for key, model in models.items() if model.get("search")}
    return {key: json.loads(file.read_text(encoding="utf-8")) for key, file in files.items()}


def check(experiment: Experiment, records: list[Record]) -> list[Verdict]:
    """The recipe's expectations and required deployments, judged."""
    expected = check_expectations(experiment.recipe.expect, records, this_machine().isa)
    return [*expected, *required_verdicts(records, required_keys(experiment.recipe))]


def problems(experiment: Experiment, stage: Stage) -> list[str]:
    """Why a finished stage is not a success, one line each; empty when it is.

    A cell that is `unavailable` or `unsupported` is no problem unless the recipe requires it; one that failed, crashed
    or hung is.
    """
    state = experiment.load(stage)
    if stage is Stage.REPORT:
        return [f"{v['name']}: {v['reason']}" for v in state["verdicts"] if v["status"] == "failed"]
    found = state["models"] if stage is Stage.QUANTIZE else state["cells"]
    bad = {key: record for key, record in found.items() if record["status"] in ENDED_BADLY}
    if stage is Stage.DEPLOY:
        required = {cell.key for cell in experiment.cells() if cell.required}
        bad |= {key: record for key, record in found.items() if key in required and record["status"] != Status.OK}
    return [f"{key}: {record['status']}: {record['reason']}" for key, record in bad.items()]
