"""Stage 4: latency in comparison groups."""

import logging
from collections import defaultdict
from dataclasses import asdict
from typing import Any

from workbench.files import content_hash, write_json
from workbench.launch import Outcome
from workbench.measure.comparison import GroupResult, Measured, Member, measure_group
from workbench.measure.statistics import summarize
from workbench.pipeline.plan import Cell
from workbench.pipeline.progress import Bar
from workbench.pipeline.stages import Experiment, Stage, deployment_identity, ready_cells, session_arguments
from workbench.records import Scope

logger = logging.getLogger(__name__)
CONTROL = "control"


def latency(experiment: Experiment) -> dict[str, Any]:
    """Measure latency in comparison groups; returns and keeps figures by cell. Raw samples go to `raw/`."""
    deployed = experiment.load(Stage.DEPLOY)["cells"]
    with experiment.stage(Stage.LATENCY):
        groups: dict[tuple[Any, ...], list[Cell]] = defaultdict(list)
        for cell in ready_cells(experiment, deployed):
            groups[cell.group].append(cell)
        measured: dict[str, Any] = {}
        for cells in groups.values():
            measured |= _measure(experiment, cells, deployed)
        state = {"cells": measured}
        experiment.save(Stage.LATENCY, state)
        return state


def _measure(experiment: Experiment, cells: list[Cell], deployed: dict[str, Any]) -> dict[str, Any]:
    """Measure the cells of a group that have no result yet, against their baseline; results of earlier runs are kept."""
    keys = {
        cell.key: content_hash(_latency_identity(experiment, cell, deployed[cell.key]["prepared"])) for cell in cells
    }
    done = {
        cell.key: record
        for cell in cells
        if not experiment.measures_again(cell)
        and (record := experiment.run.finished(Stage.LATENCY, keys[cell.key])) is not None
    }
    missing = [cell for cell in cells if cell.key not in done]
    if missing:
        baseline = next((cell for cell in cells if cell.is_baseline), None)
        with Bar(f"latency {cells[0].backend}") as bar:
            result = measure_group(
                _members(experiment, missing, baseline, deployed), experiment.recipe.measure, progress=bar
            )
        if result.disturbance.warning:
            logger.warning(result.disturbance.warning)
        for cell in missing:
            done[cell.key] = _keep_latency(
                experiment, cell, keys[cell.key], result, baseline=baseline.key if baseline else None
            )
    return {
        key: record["value"] | {"status": record["status"], "reason": record["reason"]} for key, record in done.items()
    }


def _members(
    experiment: Experiment, missing: list[Cell], baseline: Cell | None, deployed: dict[str, Any]
) -> list[Member]:
    """The baseline first, then a second copy of it (the A/A control, in one scope), then the others."""
    wanted = [(baseline.key, baseline), (CONTROL, baseline)] if baseline else []
    wanted += [(cell.key, cell) for cell in missing if cell is not baseline]
    return [
        Member(
            name,
            session_arguments(experiment, cell, deployed[cell.key]["prepared"], batch=cell.batch)
            | {"backend": cell.backend},
            experiment.run.log(f"latency-{cell.key}{'-control' if name == CONTROL else ''}"),
            cell.threads,
            scopes=(experiment.recipe.measure.scopes[0],) if name == CONTROL else None,
        )
        for name, cell in wanted
    ]


def _keep_latency(
    experiment: Experiment, cell: Cell, key: str, result: GroupResult, *, baseline: str | None
) -> dict[str, Any]:
    measured = result.members[cell.key]
    raw = experiment.run.path / "raw" / f"{cell.key}.json"
    write_json(raw, {str(scope): blocks for scope, blocks in measured.blocks.items()})
    value: dict[str, Any] = {
        "first_call_ms": measured.first_call_ms,
        "open_s": measured.open_s,
        "disturbance": result.disturbance.as_dict() | {"warning": result.disturbance.warning},
        "raw": raw.name,
        "scopes": {str(scope): _scope_figures(result, cell, measured, scope, baseline) for scope in measured.blocks},
    }
    outcome = Outcome(measured.outcome.status, value, measured.outcome.reason, measured.outcome.seconds)
    return experiment.keep(Stage.LATENCY, key, cell.key, outcome)


def _scope_figures(
    result: GroupResult, cell: Cell, measured: Measured, scope: Scope, baseline: str | None
) -> dict[str, Any]:
    parts = [part for part in measured.parts[scope] if part]
    speedup = result.speedup(baseline, cell.key, scope) if baseline and not cell.is_baseline else None
    # What the machine cannot tell apart in the first scope it cannot in the other: the control costs time only once.
    control = result.speedup(baseline, CONTROL, next(iter(measured.blocks))) if baseline and cell.is_baseline else None
    return {
        "summary": asdict(summarize([sample for block in measured.blocks[scope] for sample in block])),
        "parts_ms": {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]} if parts else {},
        "speedup": asdict(speedup) if speedup else None,
        "control": asdict(control) if control else None,
    }


def _latency_identity(experiment: Experiment, cell: Cell, prepared: str) -> list[Any]:
    accuracy_only = {"evaluation_limit", "sqnr_images", "sqnr_outputs", "bootstrap", "timeout_s"}
    measure = experiment.recipe.measure.model_dump(mode="json", exclude=accuracy_only)
    return [deployment_identity(experiment, cell, prepared), cell.batch, measure]
