"""A job that builds plans with TensorRT-RTX, whose builder has the same interface and needs no GPU."""

from pathlib import Path
from typing import Any

from native_jobs import outcome

from workbench.backends.tensorrt.build import Built, build_plan, limited
from workbench.backends.tensorrt.messages import message_log
from workbench.worker import Channel


def build_many(channel: Channel, *, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Build for each case (network, profile, timing_cache: another case's name, or any text); what became of it, by name."""
    import tensorrt_rtx_bindings

    made: dict[str, Built] = {}

    def build(name: str, case: dict[str, Any]) -> dict[str, Any]:
        bounds = {int(number): tuple(tuple(shape) for shape in shapes) for number, shapes in case["profile"].items()}
        kept = case.get("timing_cache", "")
        timing_cache = made[kept].timing_cache if kept in made else kept.encode()
        made[name] = build_plan(
            tensorrt_rtx_bindings,
            Path(case["network"]),
            log=message_log(tensorrt_rtx_bindings),
            profile=bounds,
            configure=limited(tensorrt_rtx_bindings, workspace_mb=256, level=1),
            timing_cache=timing_cache,
        )
        return {"inputs": made[name].inputs, "outputs": made[name].outputs, "size": len(made[name].plan)}

    return {name: outcome(lambda name=name, case=case: build(name, case)) for name, case in cases.items()}


def load(channel: Channel, *, plan: str) -> dict[str, Any]:
    """Whether TensorRT-RTX takes some bytes for a plan, and what it complains of."""
    import tensorrt_rtx_bindings

    log = message_log(tensorrt_rtx_bindings)
    engine = tensorrt_rtx_bindings.Runtime(log).deserialize_cuda_engine(plan.encode())
    return {"loaded": engine is not None, "complaint": log.complaint(), "asked again": log.complaint()}
