"""Sentences with the answers of FP32 and INT8."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.lessons.examples import Example
from workbench.report.labels import class_name

if TYPE_CHECKING:
    import pandas as pd


def answers(examples: Sequence[Example], *, classes: Sequence[str]) -> "pd.DataFrame":
    """A row for each example: its sentences, the truth, and what each precision answers."""
    import pandas as pd

    return pd.DataFrame(
        {
            "sentences": " / ".join([example.image] if isinstance(example.image, str) else example.image),
            "truth": class_name(classes, example.truth),
        }
        | {precision.upper(): class_name(classes, answer) for precision, answer in example.predictions.items()}
        for example in examples
    )
