"""What every method says of the Model that it made, and the INT8 form of a float network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UnsupportedError
from workbench.machine import package_version
from workbench.models.model import Model
from workbench.models.scales import Scales
from workbench.quant.program import QuantizedProgram

PADDLE_INFERENCE = "paddle_inference"
SKIPPED_BY_RECIPE = "skip_tensors of the recipe"


@dataclass(frozen=True)
class Origin:
    """Where a Model comes from: method, variant, options as JSON holds them, and the digest of the model it was made of."""

    method: str
    variant: str
    options: dict[str, Any]
    parent: str

    def manifest_fields(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "method": self.method,
            "variant": self.variant,
            "options": self.options,
            "parent": self.parent,
            "versions": {name: package_version(name) or "" for name in ("paddlepaddle", "paddleslim")},
        }


def write_int8(
    twin: Model, program: QuantizedProgram, scales: Scales, models: Path, *, origin: Origin, facts: dict[str, Any]
) -> Model:
    """The INT8 form of a float Model, below `models`; `program` is the twin's. Raises UnsupportedError when nothing was quantized."""
    misread = program.misread_weights()
    scales = scales.keeping(PADDLE_INFERENCE, misread)
    with Model.build(models, source=twin) as draft:
        weights = program.write(scales, draft.folder, in_float=scales.in_float(PADDLE_INFERENCE))
        if not weights and not misread:
            raise UnsupportedError(f"model {twin.label}: no operator of it could be quantized")
        draft.manifest = twin.manifest.model_copy(
            update=origin.manifest_fields()
            | {
                "precision": "int8",
                "float_twin": twin.digest,
                "scales": scales.model_copy(update={"weights": weights}),
                "facts": twin.manifest.facts | facts,
            }
        )
    assert draft.model is not None
    return draft.model
