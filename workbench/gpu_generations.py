"""What each generation of NVIDIA's GPUs can compute in INT8 and FP16, by compute capability.

Types by capability: NVIDIA's TensorRT support matrix, section on hardware and precision; INT8 dot products below 7.5 and slow FP16
on 6.1: NVIDIA's CUDA programming guide, arithmetic throughput by compute capability.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.records import Precision

FLOAT_ONLY = frozenset({Precision.FP32, Precision.FP16})
INTEGER_TOO = FLOAT_ONLY | {Precision.INT8, Precision.INT8_FP16}
Capability = tuple[int, int]


@dataclass(frozen=True)
class Generation:
    """A generation of GPUs: its name, cards of it, the precisions of the workbench that it computes, and what to know."""

    name: str
    cards: str
    precisions: frozenset[Precision]
    meaning: str


GENERATIONS: dict[Capability, Generation] = {
    (6, 0): Generation("Pascal", "P100", FLOAT_ONLY, "FP16 at twice FP32; no INT8 dot products; too old for TensorRT 10"),
    (6, 1): Generation(
        "Pascal", "P4, P40, GTX 10", INTEGER_TOO, "INT8 dot products; FP16 far slower than FP32; too old for TensorRT 10"
    ),
    (7, 0): Generation("Volta", "V100", INTEGER_TOO, "FP16 matrix units, INT8 dot products; TensorRT up to 10.4"),
    (7, 5): Generation("Turing", "T4, RTX 20", INTEGER_TOO, "matrix units for INT8 and FP16; no BF16, no TF32"),
    (8, 0): Generation("Ampere", "A100, A30", INTEGER_TOO, "matrix units for INT8, FP16, BF16 and TF32"),
    (8, 6): Generation("Ampere", "A10, A40, RTX 30", INTEGER_TOO, "matrix units for INT8, FP16, BF16 and TF32"),
    (8, 7): Generation("Ampere", "Jetson Orin", INTEGER_TOO, "matrix units for INT8, FP16, BF16 and TF32"),
    (8, 9): Generation("Ada", "L4, L40, RTX 40", INTEGER_TOO, "matrix units for INT8, FP8, FP16, BF16 and TF32"),
    (9, 0): Generation("Hopper", "H100, H200", INTEGER_TOO, "matrix units for INT8, FP8, FP16, BF16 and TF32"),
    (10, 0): Generation("Blackwell", "B200, GB200", INTEGER_TOO, "matrix units for INT8, FP8, FP4, FP16, BF16 and TF32"),
    (12, 0): Generation("Blackwell", "RTX 50", INTEGER_TOO, "matrix units for INT8, FP8, FP4, FP16, BF16 and TF32"),
}  # fmt: skip


def capability_of(gpu: Mapping[str, str]) -> Capability | None:
    """The compute capability of a GPU as the fingerprint has it (`compute_cap`: "8.6"); None where the driver did not tell."""
    major, _, minor = gpu.get("compute_cap", "").partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def nearest(capability: Capability) -> Capability | None:
    """The listed capability whose code a GPU runs: its own, or the nearest one below within the same major version."""
    below = [known for known in GENERATIONS if known[0] == capability[0] and known <= capability]
    return max(below, default=None)


def has_code_for(capability: Capability, built_for: Iterable[Capability]) -> bool:
    """Whether machine code for some capabilities runs on a GPU: code for its own, or an older one of the same major version."""
    return any(known[0] == capability[0] and known <= capability for known in built_for)


def lacking(gpu: Mapping[str, str], precision: Precision) -> str:
    """What a GPU lacks for a precision, in words; empty when nothing, or when the GPU is not known."""
    capability = capability_of(gpu)
    known = nearest(capability) if capability else None
    if capability is None or known is None or precision in GENERATIONS[known].precisions:
        return ""
    generation = GENERATIONS[known]
    missing = "INT8 arithmetic" if precision.is_quantized else f"{precision.upper()} arithmetic"
    return f"{gpu.get('name', 'this GPU')} ({generation.name}, compute capability {capability[0]}.{capability[1]}) has no {missing}"
