"""What training leaves: the float network with the new weights, and the ranges that were learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.models.cleanup.clean_up import clean_up
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.complexity import complexity
from workbench.models.model import Model
from workbench.models.scales import ALL_BACKENDS, ActivationRange, Scales, Source
from workbench.quant.calibration import Calibration
from workbench.quant.levels import SMALLEST
from workbench.quant.ranges import Algorithm, Ranges
from workbench.quant.write import SKIPPED_BY_RECIPE, Origin


def save_weights(source: Model, weights: Mapping[str, NDArray[Any]], folder: Path) -> Path:
    """Write the source's network with other weights as `folder`/model.*; returns these files' stem."""
    graph = ProgramGraph.load(source.paddle_prefix)
    for name, value in weights.items():
        graph.set_value(name, value)
    graph.save(folder / "model")
    return folder / "model"


def write_float(
    source: Model, weights: Mapping[str, NDArray[Any]], models: Path, *, origin: Origin, facts: dict[str, Any]
) -> Model:
    """The source's network with the trained weights, as a Model below `models`; cleaned as the source is, batch norms included."""
    with Model.build(models, source=source) as draft:
        prefix = save_weights(source, weights, draft.folder)
        if before := source.manifest.facts.get("clean_up"):
            facts = facts | {"clean_up": _both(before, clean_up(prefix).facts())}
        facts = facts | complexity(ProgramGraph.load(prefix).program)
        draft.manifest = source.manifest.model_copy(
            update=origin.manifest_fields() | {"facts": source.manifest.facts | facts}
        )
    assert draft.model is not None
    return draft.model


def _both(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What was rewritten before the training, and after it."""
    return before | after | {"applied": before.get("applied", {}) | after.get("applied", {})}


def merge_ranges(calibration: Calibration, trained: Mapping[str, float], *, in_float: Sequence[str]) -> Scales:
    """The ranges of the trained network: learned where it was rounded in training, the mean extremes elsewhere."""
    ranges = Ranges(calibration.statistics, Algorithm.AVG, hist_percent=1.0)
    found = {name: ranges.of(row) for name, row in calibration.rows.items() if calibration.statistics.batches[row]}
    for name in trained.keys() & found.keys():
        absmax = max(trained[name], SMALLEST)
        found[name] = ActivationRange(
            minimum=max(found[name].minimum, -absmax),
            maximum=min(found[name].maximum, absmax),
            absmax=absmax,
            source=Source.TRAINED,
        )
    kept = {ALL_BACKENDS: dict.fromkeys(in_float, SKIPPED_BY_RECIPE)} if in_float else {}
    return Scales(activations=found, kept_in_float=kept)
