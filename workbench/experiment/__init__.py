"""The recipe: what to quantize, where to deploy, how to measure, what to expect. One YAML file, strictly checked."""

from workbench.experiment.expectation import SPEED_COLUMNS, Column, Expectation
from workbench.experiment.measurement import Measurement
from workbench.experiment.recipe import (
    RECIPES,
    AccuracyTarget,
    Deployment,
    Quantization,
    Recipe,
    ThreadCount,
    find_recipe,
    parse_recipe,
    read_recipe,
    read_yaml,
)
from workbench.experiment.sources import ModelSource, TaskSource
from workbench.experiment.strict import Strict, WithOptions, validate

__all__ = [
    "RECIPES", "SPEED_COLUMNS", "AccuracyTarget", "Column", "Deployment", "Expectation", "Measurement", "ModelSource",
    "Quantization", "Recipe", "Strict", "TaskSource", "ThreadCount", "WithOptions", "find_recipe", "parse_recipe", "read_recipe", "read_yaml", "validate",
]  # fmt: skip
