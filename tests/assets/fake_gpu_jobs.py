"""A job that runs the backend `tensorrt`, all of it, on the fake GPU of the folder fake_gpu."""

from pathlib import Path
from typing import Any

import numpy as np
from native_jobs import outcome

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.models.model import Model
from workbench.worker import Channel


def tensorrt_many(channel: Channel, *, model: str, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """For each case a session of its own: `settings`, `batches` of the runs, what is other with the `gpu`, and that from the `late` run on.

    What became of it, and what was allocated then and not given back, by name.
    """
    import onnxruntime
    from cuda.bindings import runtime
    from fake_gpu import STATE

    opened = Model.open(Path(model))
    plain = onnxruntime.InferenceSession(str(opened.onnx_file), providers=["CPUExecutionProvider"])
    random, usual = np.random.default_rng(0), dict(STATE)

    def run(case: dict[str, Any]) -> dict[str, Any]:
        equal: list[bool] = []
        with BACKENDS["tensorrt"].open(opened, Settings(device="gpu", **case.get("settings", {}))) as session:
            kept = []
            for batch in case.get("batches", [1]):
                image = random.normal(0, 1, (batch, 4, 8, 8)).astype(np.float32)
                kept.append((session.run({"image": image}), plain.run(None, {"x": image})))
            # All at the end: what a run gave, the next ones must not change.
            equal += [np.array_equal(ours["scores"], theirs) for ours, (theirs,) in kept]
            STATE.update(case.get("late", {}))
            if case.get("late"):
                session.run({"image": image})
            parts = session.parts_ms({"image": image})
            return {"equal": equal, "parts": parts, "describe": session.describe()}

    found = {}
    for name, case in cases.items():
        STATE.clear()
        STATE.update(usual | case.get("gpu", {}))
        runtime.held.clear()
        found[name] = outcome(lambda case=case: run(case)) | {"held": len(runtime.held)}
    return found
