"""The ranges that the notebook on training with the rounding compares."""

from pathlib import Path

from workbench.lessons.rounding_in_training import trained_ranges
from workbench.models.model import Format, Manifest, Model
from workbench.models.scales import ActivationRange, Scales, Source


def model(**ranges):
    found = {
        name: ActivationRange(minimum=-absmax, maximum=absmax, absmax=absmax, source=source)
        for name, (absmax, source) in ranges.items()
    }
    return Model(
        Path(), Manifest(name="m", format=Format.PADDLE, inputs=(), outputs=(), scales=Scales(activations=found))
    )


def test_only_ranges_that_were_trained_are_compared():
    pact = model(a=(2.0, Source.TRAINED), b=(3.0, Source.CALIBRATED))
    static = model(a=(1.0, Source.CALIBRATED), b=(1.0, Source.CALIBRATED))
    assert trained_ranges({"static": static, "pact": pact}, trained_by="pact") == {"static": [1.0], "pact": [2.0]}
