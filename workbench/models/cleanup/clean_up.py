"""Rewriting what importers leave behind, exactly, and proving that the network still computes the same."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.models.cleanup.fold_batch_norm import fold_batch_norm
from workbench.models.cleanup.fold_bias import fold_bias
from workbench.models.cleanup.fold_constants import fold_constants
from workbench.models.cleanup.free_batch import free_batch
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.random_run import largest_difference, run, run_on_random_inputs
from workbench.models.cleanup.remove_dead import remove_dead
from workbench.models.cleanup.remove_identities import remove_identities
from workbench.models.cleanup.unshuffle import unshuffle
from workbench.models.cleanup.write_global_pool import write_global_pool
from workbench.models.cleanup.write_swish import write_swish

logger = logging.getLogger(__name__)

TOLERANCE = 1e-5
"""Largest difference of an output from before, relative to its largest value."""

ROUNDING_MARGIN, MOST = 4.0, 1e-3
"""A deep network may differ by as many times what one rounding of its inputs changes, but never by more than `MOST`."""

REWRITES: Mapping[str, Callable[[ProgramGraph], int]] = {
    "remove_identities": remove_identities,
    "fold_bias": fold_bias,
    "fold_constants": fold_constants,
    "fold_batch_norm": fold_batch_norm,
    "write_swish": write_swish,
    "write_global_pool": write_global_pool,
    "free_batch": free_batch,
    "unshuffle": unshuffle,
    "remove_dead": remove_dead,
}
"""In this order: a bias is found as a reshaped weight before constants are folded, a batch normalization behind its bias."""

BATCH_NORMS_KEPT = {name: rewrite for name, rewrite in REWRITES.items() if name != "fold_batch_norm"}
"""For a network that is to be trained: what its batch normalizations do to the training would be lost with them."""

FOREIGN = ("quantize_linear", "dequantize_linear", "fake_")
"""Starts of the names of the operators of an already quantized program."""


@dataclass(frozen=True)
class CleanUp:
    """What was rewritten: how often each rewrite found its pattern, or why the program was left as it was."""

    applied: dict[str, int] = field(default_factory=dict)
    largest_difference: float = 0.0
    refused: str = ""
    permuted: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        if self.refused:
            return {"refused": self.refused}
        found: dict[str, Any] = {"applied": self.applied, "largest_difference": self.largest_difference}
        return found | ({"permuted": list(self.permuted)} if self.permuted else {})


def clean_up(prefix: Path, *, rewrites: Mapping[str, Callable[[ProgramGraph], int]] = REWRITES) -> CleanUp:
    """Rewrite the program at `prefix` (+ .pdmodel, .pdiparams) in place, if the result computes the same on random input.

    Inputs and outputs keep their names, order and dynamic axes. Whatever goes wrong, the program is kept as it was.
    """
    done = _attempt(prefix, rewrites)
    if done.refused:
        logger.warning("clean-up: %s is left as it was: %s", prefix, done.refused)
    else:
        logger.info("clean-up: %s, largest difference %.1e", done.applied, done.largest_difference)
    return done


def _attempt(prefix: Path, rewrites: Mapping[str, Callable[[ProgramGraph], int]]) -> CleanUp:
    with tempfile.TemporaryDirectory() as scratch:
        cleaned = Path(scratch) / prefix.name
        try:
            graph = ProgramGraph.load(prefix)
            if reason := _reason_to_leave(graph):
                return CleanUp(refused=reason)
            applied = {name: count for name, rewrite in rewrites.items() if (count := rewrite(graph))}
            if not applied:
                return CleanUp()
            graph.save(cleaned)
            if (reference := run_on_random_inputs(prefix)) is None:
                return CleanUp(refused="it runs on none of the random inputs that were tried, so nothing can be proved")
            difference = largest_difference(reference[1], run(cleaned, reference[0]))
            allowed = TOLERANCE if difference <= TOLERANCE else _allowed(prefix, *reference)
        except Exception as error:
            logger.exception("clean-up failed")
            return CleanUp(refused=_one_line(error))
        if not difference <= allowed:
            return CleanUp(refused=f"outputs differed by {difference:.1e} of their largest value after {applied}")
        for ending in (".pdmodel", ".pdiparams"):
            shutil.move(cleaned.with_suffix(ending), prefix.with_suffix(ending))
    return CleanUp(applied, difference, permuted=tuple(sorted(graph.permuted)))


def _allowed(prefix: Path, inputs: Mapping[str, NDArray[Any]], outputs: list[NDArray[Any]]) -> float:
    """What a network that multiplies small differences may differ by: it does so with the rounding of its own inputs too."""
    nudged = {n: np.nextafter(v, np.inf, dtype=v.dtype) if v.dtype.kind == "f" else v for n, v in inputs.items()}
    rounding = largest_difference(outputs, run(prefix, nudged))
    return max(TOLERANCE, min(ROUNDING_MARGIN * rounding, MOST))


def _reason_to_leave(graph: ProgramGraph) -> str:
    if len(graph.program.blocks) > 1:
        return "it has control flow (several blocks)"
    if quantized := [op.type for op in graph.ops if op.type.startswith(FOREIGN)]:
        return f"it is already quantized ({quantized[0]})"
    return ""


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:200]
