"""What this machine can run, and what to install for the rest."""

import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.backends.gpu.diagnosis import diagnose, installed
from workbench.backends.registry import BACKENDS
from workbench.gpu_generations import GENERATIONS, capability_of, nearest
from workbench.launch import run_job
from workbench.machine import ISA_MEANING, Machine, this_machine
from workbench.pipeline.jobs import run_together
from workbench.records import Device, Precision, Status

PROBE_TIMEOUT_S = 120


def doctor() -> dict[str, Any]:
    """The machine, the meaning of its instruction sets and GPUs for INT8, what is broken, and backend x device x precision.

    Returns `machine`, `isa` (flag -> present, meaning), `gpus` (generations of GPUs, and which is here), `findings` (problem, cure) and
    `matrix`: rows of backend, device, precision, status (`ready`, `unavailable`), reason and install. Each backend is asked in
    a worker.
    """
    machine = this_machine()
    isa = {flag: {"present": flag in machine.isa, "meaning": meaning} for flag, meaning in ISA_MEANING.items()}
    asked = [(name, device) for name, backend in BACKENDS.items() for device in backend.precisions]
    answers = run_together(_ask, asked)
    rows = [row for (name, device), answer in zip(asked, answers, strict=True) for row in _rows(name, device, answer)]
    findings = [asdict(finding) for finding in diagnose(installed())]
    return {"machine": machine.as_dict(), "isa": isa, "gpus": _gpus(machine), "findings": findings, "matrix": rows}


def _gpus(machine: Machine) -> list[dict[str, Any]]:
    """Every generation of GPUs, and the names of this machine's that belong to it."""
    here = [
        (gpu.get("name", "GPU"), capability and nearest(capability))
        for gpu in machine.gpus
        for capability in [capability_of(gpu)]
    ]
    return [
        {
            "capability": f"{capability[0]}.{capability[1]}",
            "generation": generation.name,
            "cards": generation.cards,
            "precisions": [str(precision) for precision in Precision if precision in generation.precisions],
            "meaning": generation.meaning,
            "here": [name for name, found in here if found == capability],
        }
        for capability, generation in GENERATIONS.items()
    ]


def _rows(name: str, device: Device, answer: dict[str, str]) -> list[dict[str, str]]:
    backend = BACKENDS[name]
    rows = []
    for precision in sorted(backend.precisions[device]):
        reason = answer["reason"] or backend.lacks(precision, device, this_machine())
        rows.append(
            {
                "backend": name,
                "device": str(device),
                "precision": str(precision),
                "status": "unavailable" if reason else "ready",
                "reason": reason,
                "install": answer["install"] if answer["reason"] else "",
                "version": answer["version"],
            }
        )
    return rows


def _ask(asked: tuple[str, Device], stop: threading.Event) -> dict[str, str]:
    arguments = dict(zip(("backend", "device"), asked, strict=True))
    with tempfile.TemporaryDirectory() as scratch:
        outcome = run_job(
            "workbench.backends.probe:probe_job", arguments, log=Path(scratch) / "probe.log", timeout_s=PROBE_TIMEOUT_S, stop=stop
        )  # fmt: skip
    if outcome.status is Status.OK:
        answer: dict[str, str] = outcome.value
        return answer
    return {"reason": f"asking it ended with {outcome.status}: {outcome.reason}", "install": "", "version": ""}
