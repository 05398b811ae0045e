"""From an ONNX network to a plan, by what the builders of TensorRT 10, 11 and TensorRT-RTX have in common.

Networks are strongly typed: precision stands in the graph (workbench/lowering/tensorrt.py), no builder flag chooses it. Which of the
three modules builds is an argument: TensorRT-RTX does so without a GPU.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.backends.gpu.faults import memory_ran_out, no_memory
from workbench.backends.tensorrt.profile import Bounds
from workbench.errors import DeviceError, UnsupportedError, WorkbenchError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Built:
    """A plan, names of the network's inputs and outputs in order, the timing cache after it, and what building took."""

    plan: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    timing_cache: bytes
    seconds: float


def build_plan(
    tensorrt: Any, network: Path, *, log: Any, profile: Mapping[int, Bounds], configure: Callable[[Any], None], timing_cache: bytes = b""
) -> Built:  # fmt: skip
    """Build the plan of an ONNX file.

    `log` is a `message_log`; `profile` has bounds by an input's number; `configure` takes the builder's config, for what else is to
    hold. Raises UnsupportedError for what TensorRT does not take, DeviceError where the GPU is at fault.
    """
    start = time.perf_counter()
    builder = started(tensorrt.Builder, log)
    definition = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(definition, log)
    if not parser.parse_from_file(str(network)):
        errors = [parser.get_error(number) for number in range(parser.num_errors)]
        raise UnsupportedError(
            "TensorRT's parser refuses the network: "
            + "; ".join(f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in errors)
        )
    inputs = tuple(definition.get_input(number).name for number in range(definition.num_inputs))
    config = builder.create_builder_config()
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED
    configure(config)
    _set_timing_cache(config, timing_cache)
    _set_profile(builder, config, {inputs[number]: bounds for number, bounds in profile.items()})
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise no_plan(log.complaint())
    return Built(
        plan=bytes(memoryview(plan)),
        inputs=inputs,
        outputs=tuple(definition.get_output(number).name for number in range(definition.num_outputs)),
        timing_cache=bytes(memoryview(config.get_timing_cache().serialize())),
        seconds=time.perf_counter() - start,
    )


def limited(tensorrt: Any, *, workspace_mb: int, level: int) -> Callable[[Any], None]:
    """For `build_plan`, what the config of TensorRT itself is to hold besides."""

    def configure(config: Any) -> None:
        config.builder_optimization_level = level
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, workspace_mb * MEBIBYTE)
        # On by default from Ampere on: FP32 would then be computed with ten bits of mantissa.
        config.clear_flag(tensorrt.BuilderFlag.TF32)

    return configure


def no_plan(complaint: str) -> WorkbenchError:
    """What to raise where the builder gave no plan, from what it complained of."""
    if memory_ran_out(complaint):
        return DeviceError(f"{no_memory(f'while the plan was built ({complaint})')}, or lower `workspace_mb`")
    return UnsupportedError(f"TensorRT builds no plan of this network: {complaint}")


def started(kind: Any, log: Any) -> Any:
    """A builder or a runtime of TensorRT's; raises DeviceError where it does not start."""
    try:
        return kind(log)
    except TypeError:  # what the binding makes of a null pointer
        raise DeviceError(f"TensorRT does not start on this machine: {log.complaint()}") from None


def _set_timing_cache(config: Any, kept: bytes) -> None:
    """Start from what earlier builds measured; a cache of another version or GPU is refused, and an empty one taken."""
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def _set_profile(builder: Any, config: Any, profile: Mapping[str, Bounds]) -> None:
    if not profile:
        return
    made = builder.create_optimization_profile()
    for name, (smallest, usual, largest) in profile.items():
        made.set_shape(name, smallest, usual, largest)
    if config.add_optimization_profile(made) < 0:
        raise UnsupportedError(f"TensorRT refuses the profile {dict(profile)}")
