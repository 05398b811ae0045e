"""Cutting non-maximum suppression off a Paddle detector: its boxes and scores become the outputs, and a task does the rest.

Quantization then has outputs that can be compared, and every backend a network that it can run. What the operator was told to do goes
with the Model (`Manifest.left_to_task`), so that the same boxes come out.
"""

import logging
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.remove_dead import remove_dead
from workbench.models.cleanup.remove_identities import remove_identities

logger = logging.getLogger(__name__)

SHARED = ("background_label", "score_threshold", "nms_top_k", "keep_top_k", "normalized")
MULTICLASS = (*SHARED, "nms_threshold", "nms_eta")
SETTINGS = {
    "multiclass_nms": MULTICLASS,
    "multiclass_nms2": MULTICLASS,
    "multiclass_nms3": MULTICLASS,
    "matrix_nms": (*SHARED, "post_threshold", "use_gaussian", "gaussian_sigma"),
}
"""Attributes of each operator that suppresses."""


def strip_nms(prefix: Path, *, required: bool) -> dict[str, Any]:
    """Cut the suppression off the program at `prefix` (+ .pdmodel, .pdiparams), in place.

    Returns {"nms": its operator and attributes}, or nothing where there is none that can be cut off; the program is then left as it was.
    With `required` that is an InputError.
    """
    graph = ProgramGraph.load(prefix)
    remove_identities(graph)  # older exports scale every output by 1
    reason = _reason_to_leave(graph)
    if reason and required:
        raise InputError(f"model.strip_nms: {reason}; leave the key out")
    if reason:
        logger.info("suppression is left in the network: %s", reason)
        return {}
    operator = _suppressions(graph)[0]
    settings = {"operator": operator.type} | {name: operator.attr(name) for name in SETTINGS[operator.type]}
    _cut(graph, operator)
    graph.save(prefix)
    return {"nms": settings}


def _suppressions(graph: ProgramGraph) -> list[Any]:
    return [op for op in graph.ops if op.type in SETTINGS]


def _reason_to_leave(graph: ProgramGraph) -> str:
    found = _suppressions(graph)
    if len(found) != 1:
        return f"the network has {len(found) or 'none'} of the operators {', '.join(SETTINGS)}, and one is needed"
    operator = found[0]
    if len(graph.shape(operator.input("BBoxes")[0])) != 3 or len(graph.shape(operator.input("Scores")[0])) != 3:
        return f"{operator.type} gets boxes of its own for each class, or images of several batches"
    made = [name for name in operator.output_arg_names if graph.readers(name)]
    if any(reader.type != "fetch" for name in made for reader in graph.readers(name)):
        return f"what {operator.type} gives is not the end of the network: other operators read it"
    if set(made) != set(graph.fetches):
        return f"the network gives more than what {operator.type} does"
    return ""


def _cut(graph: ProgramGraph, operator: Any) -> None:
    """Let the program give what the operator reads."""
    outputs = [operator.input("BBoxes")[0], operator.input("Scores")[0]]
    old = [op for op in graph.ops if op.type == "fetch"]
    for column, name in enumerate(outputs):
        graph.insert(
            "fetch", inputs={"X": [name]}, outputs={"Out": ["fetch"]}, attrs={"col": column}, after=graph.ops[-1]
        )
    graph.remove(old)
    graph.fetches = outputs
    remove_dead(graph)
