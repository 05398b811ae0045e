"""Choosing a method: the answer of the decision table as lines of a recipe, with its reason."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any, TypeVar

import yaml

from workbench.errors import InputError
from workbench.quant.decisions import TABLE, Advice, Case, Data, Goal, Target, Time

PLACES: dict[Target, tuple[dict[str, Any], ...]] = {
    Target.X86: (
        {"backend": "paddle_inference", "precision": ["fp32", "int8"]},
        {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
        {"backend": "openvino", "precision": ["fp32", "int8"]},
    ),
    Target.X86_VNNI: (
        {"backend": "paddle_inference", "precision": ["fp32", "bf16", "int8"]},
        {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
        {"backend": "openvino", "precision": ["fp32", "bf16", "int8"]},
    ),
    Target.ARM: ({"backend": "paddle_lite", "device": "arm", "precision": ["fp32", "fp16", "int8"]},),
    Target.NVIDIA_GPU: ({"backend": "tensorrt", "device": "gpu", "precision": ["fp32", "fp16", "int8", "int8+fp16"]},),
}
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class Recommendation:
    """A method for a case.

    `entry` goes into a recipe's `quantize:` list; None where the model stays as it is (`method` none). `deploy` is its
    `deploy:` list: where to run it, and the precisions to measure it against. `reason` names the source of each claim,
    `next_step` what to try when that is not accurate enough.
    """

    method: str
    entry: dict[str, Any] | None
    deploy: tuple[dict[str, Any], ...]
    reason: str
    next_step: str

    @property
    def recipe(self) -> str:
        """The lines for a recipe, as YAML."""
        return _lines("quantize", [self.entry] if self.entry else []) + _lines("deploy", list(self.deploy))


def recommend(*, data: Data | str, time: Time | str, device: Target | str, goal: Goal | str) -> Recommendation:
    """The method for the data at hand, the time to make it, the device it is for, and what counts first.

    Raises InputError for a choice that is not known.
    """
    case = Case(
        _choice(Data, "data", data),
        _choice(Time, "time", time),
        _choice(Target, "device", device),
        _choice(Goal, "goal", goal),
    )
    (advice,) = answers(case)
    facts = [*advice.facts, *([advice.by_target[case.target]] if advice.by_target else [])]
    said = "; ".join(f"{fact.text} ({fact.source})" for fact in facts)
    return Recommendation(
        method=advice.method,
        entry=None if advice.method == "none" else {"method": advice.method} | dict(advice.options),
        deploy=tuple(_deployment(place, integer=advice.integer) for place in PLACES[case.target]),
        reason=f"{said[0].upper()}{said[1:]}.",
        next_step=advice.next_step,
    )


def cases() -> list[Case]:
    """Every combination of choices."""
    return [Case(*choices) for choices in product(Data, Time, Target, Goal)]


def answers(case: Case) -> list[Advice]:
    """What the table answers to a case: one advice, when the table is as it should be."""
    return [row.advice for row in TABLE if row.holds(case)]


def faults() -> list[str]:
    """One line for each case that has no answer or several; none when the table is as it should be."""
    found = {case: [advice.method for advice in answers(case)] for case in cases()}
    return [
        f"{', '.join(case)}: {' and '.join(names) or 'no answer'}" for case, names in found.items() if len(names) != 1
    ]


def _choice(kind: type[Choice], name: str, value: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"recommend: {name} = {value!r} is not known; choose from: {', '.join(kind)}") from None


def _deployment(place: dict[str, Any], *, integer: bool) -> dict[str, Any]:
    """Where to deploy; INT8 is left out where the answer is a float model."""
    return place | {"precision": [name for name in place["precision"] if integer or not name.startswith("int8")]}


def _lines(key: str, entries: list[dict[str, Any]]) -> str:
    if not entries:
        return f"{key}: []\n"
    shown = (yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=1000).strip() for entry in entries)
    return "\n".join([f"{key}:", *(f"  - {entry}" for entry in shown)]) + "\n"
