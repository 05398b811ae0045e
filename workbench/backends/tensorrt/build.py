"""From a lowered ONNX network to a plan, by what TensorRT 10, 11 and TensorRT-RTX have in common.

Networks are strongly typed: precision stands in the graph (workbench/lowering/tensorrt.py), no builder flag chooses it. The
module is an argument, so that TensorRT-RTX, which builds without a GPU, can show that the calls are right.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.backends.gpu.faults import LOWER_DEMAND, memory_ran_out
from workbench.backends.tensorrt.profile import Profile
from workbench.errors import DeviceError, UnsupportedError, WorkbenchError

logger = logging.getLogger(__name__)
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Built:
    """A plan, names of the network's inputs and outputs in order, the timing cache after it, and what building took."""

    plan: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    timing_cache: bytes
    seconds: float


def message_log(tensorrt: Any) -> Any:
    """A logger of TensorRT's that passes warnings and errors on to ours, and keeps the errors as `errors`."""

    class MessageLog(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (tensorrt.ILogger.ERROR, tensorrt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)
            if severity not in (tensorrt.ILogger.INFO, tensorrt.ILogger.VERBOSE):
                logger.warning("TensorRT: %s", message)

    return MessageLog()


def build_plan(
    tensorrt: Any, network: Path, *, profile: Profile, workspace_mb: int, level: int, timing_cache: bytes = b""
) -> Built:
    """Build the plan of an ONNX file for this machine's GPU; `profile` is by the ONNX inputs' names.

    Raises UnsupportedError for what TensorRT does not take, DeviceError where the GPU is at fault.
    """
    start = time.perf_counter()
    log = message_log(tensorrt)
    builder = _builder(tensorrt, log)
    definition = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(definition, log)
    if not parser.parse_from_file(str(network)):
        errors = [parser.get_error(number) for number in range(parser.num_errors)]
        raise UnsupportedError(
            "TensorRT's parser refuses the network: "
            + "; ".join(f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in errors)
        )
    config = builder.create_builder_config()
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = level
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, workspace_mb * MEBIBYTE)
    # On by default from Ampere on: FP32 would then be computed with ten bits of mantissa.
    config.clear_flag(tensorrt.BuilderFlag.TF32)
    _set_timing_cache(config, timing_cache)
    _set_profile(builder, config, profile)
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise no_plan(log.errors)
    return Built(
        plan=bytes(memoryview(plan)),
        inputs=tuple(definition.get_input(number).name for number in range(definition.num_inputs)),
        outputs=tuple(definition.get_output(number).name for number in range(definition.num_outputs)),
        timing_cache=bytes(memoryview(config.get_timing_cache().serialize())),
        seconds=time.perf_counter() - start,
    )


def no_plan(errors: Sequence[str]) -> WorkbenchError:
    """What to raise where the builder gave no plan, from what it complained of."""
    said = " ".join(errors[-1].split())[:300] if errors else "it gives no reason"
    if any(memory_ran_out(message) for message in errors):
        return DeviceError(
            f"out of GPU memory while the plan was built ({said}); {LOWER_DEMAND}, or lower `workspace_mb`"
        )
    return UnsupportedError(f"TensorRT builds no plan of this network: {said}")


def _builder(tensorrt: Any, log: Any) -> Any:
    try:
        return tensorrt.Builder(log)
    except TypeError:  # what the binding makes of a null pointer
        said = log.errors[-1] if log.errors else "no CUDA device"
        raise DeviceError(f"TensorRT does not start on this machine: {' '.join(said.split())}") from None


def _set_timing_cache(config: Any, kept: bytes) -> None:
    """Start from what earlier builds measured; a cache of another version or GPU is refused, and an empty one taken."""
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def _set_profile(builder: Any, config: Any, profile: Profile) -> None:
    if not profile:
        return
    made = builder.create_optimization_profile()
    for name, (smallest, usual, largest) in profile.items():
        made.set_shape(name, smallest, usual, largest)
    if config.add_optimization_profile(made) < 0:
        raise UnsupportedError(f"TensorRT refuses the profile {profile}")
