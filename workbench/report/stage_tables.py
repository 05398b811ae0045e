"""What the stages before the report leave, as tables for their notebooks."""

from typing import Any

import pandas as pd

from workbench.records import Precision

WORDS = {"ready": "yes", "unavailable": "no"}


def doctor_table(found: dict[str, Any]) -> pd.DataFrame:
    """Backend and device against precision: yes, no, or - where the backend does not offer it."""
    frame = pd.DataFrame(found["matrix"])
    frame["status"] = frame["status"].map(WORDS)
    wide = frame.pivot_table(
        index=["backend", "device"], columns="precision", values="status", aggfunc="first", sort=False
    )
    return wide[[str(p) for p in Precision if str(p) in wide]].fillna("-").reset_index().rename_axis(columns=None)


def doctor_reasons(found: dict[str, Any]) -> pd.DataFrame:
    """What is missing for each `no` of the matrix, and how to get it."""
    missing = [row for row in found["matrix"] if row["reason"]]
    frame = pd.DataFrame(missing, columns=["backend", "device", "precision", "reason", "install"])
    return (
        frame.groupby(["backend", "device", "reason", "install"], sort=False)["precision"].agg(", ".join).reset_index()
    )


def isa_table(found: dict[str, Any]) -> pd.DataFrame:
    """The CPU's instruction sets and what each means for INT8."""
    return pd.DataFrame(
        [
            {"flag": flag, "here": "yes" if isa["present"] else "no", "meaning": isa["meaning"]}
            for flag, isa in found["isa"].items()
        ]
    )


def gpu_table(found: dict[str, Any]) -> pd.DataFrame:
    """The generations of NVIDIA's GPUs, which is here, and what each computes."""
    return pd.DataFrame(
        [
            {
                "generation": f"{gpu['capability']} {gpu['generation']} ({gpu['cards']})",
                "here": ", ".join(gpu["here"]) or "no",
                "meaning": gpu["meaning"],
            }
            for gpu in found["gpus"]
        ]
    )


def models_table(state: dict[str, Any]) -> pd.DataFrame:
    """The models that stage `quantize` made or could not make."""
    rows = [
        {"model": key, "status": m["status"], "seconds": m.get("seconds"), "digest": m["digest"], "reason": m["reason"]}
        for key, m in state["models"].items()
    ]
    return _readable(rows)


def deployment_table(state: dict[str, Any]) -> pd.DataFrame:
    """What stage `deploy` opened: status, how close FP32 is to Paddle, and the share of operators in INT8."""
    return _readable([_place(cell) | _deployed(cell) for cell in state["cells"].values()])


def accuracy_table(state: dict[str, Any], task: dict[str, Any]) -> pd.DataFrame:
    """The primary metric of every evaluated cell, its drop with the 95 % interval, and the SQNR."""
    rows = []
    for key, cell in state["cells"].items():
        drop = cell.get("drop") or {}
        rows.append(
            {
                "cell": key,
                "status": cell["status"],
                task["metric"]: (cell.get("metrics") or {}).get(task["metric"]),
                "drop": drop.get("drop"),
                "drop low": drop.get("low"),
                "drop high": drop.get("high"),
                "SQNR dB": cell.get("sqnr_db"),
                "reason": cell["reason"],
            }
        )
    return _readable(rows)


def latency_table(state: dict[str, Any]) -> pd.DataFrame:
    """Latency of every measured cell and scope in ms, the speed-up over FP32 with its 95 % interval, and the A/A control."""
    return _readable([row for key, cell in state["cells"].items() for row in _measured(key, cell)])


def disturbances(state: dict[str, Any]) -> list[str]:
    """What kept the machine from being quiet while latency was measured, a line for each kind; empty when nothing did."""
    warnings = (cell["disturbance"]["warning"] for cell in state["cells"].values() if cell.get("disturbance"))
    return list(dict.fromkeys(warning for warning in warnings if warning))


def _readable(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Numbers with four digits, nothing where there is no figure."""
    return pd.DataFrame([{name: _text(value) for name, value in row.items()} for row in rows])


def _text(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else value


def _measured(key: str, cell: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for scope, found in cell["scopes"].items():
        speedup, control = found["speedup"] or {}, found["control"] or {}
        row = {"cell": key, "scope": scope} | {f"{name} ms": found["summary"][name] for name in ("mean", "p50", "p99")}
        row |= {"speed-up": speedup.get("value"), "low": speedup.get("low"), "high": speedup.get("high")}
        rows.append(row | {"A/A control": control.get("value"), "n": found["summary"]["repeats"]})
    return rows


def _place(record: dict[str, Any]) -> dict[str, Any]:
    cell = record["cell"]
    return {
        name: cell[name]
        for name in ("backend", "device", "precision", "method", "variant", "pinned", "threads", "batch")
    }


def _deployed(record: dict[str, Any]) -> dict[str, Any]:
    parity, described = record.get("parity") or {}, record.get("describe") or {}
    return {
        "status": record["status"],
        "cosine to Paddle FP32": parity.get("cosine"),
        "share of operators in INT8": described.get("int8_share"),
        "reason": record["reason"],
    }
