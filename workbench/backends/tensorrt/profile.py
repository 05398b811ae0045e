"""Which shapes a plan is built for: the smallest, the usual and the largest of every input that has free axes."""

from collections.abc import Mapping, Sequence

from workbench.errors import UnsupportedError
from workbench.models.model import TensorSpec

Shape = tuple[int, ...]
ShapeRange = tuple[list[int], list[int], list[int]]
Bounds = tuple[Shape, Shape, Shape]
Profile = dict[str, Bounds]


def make_profile(inputs: Sequence[TensorSpec], *, batch: int, shapes: Mapping[str, ShapeRange]) -> Profile:
    """The ranges of all inputs with free axes; without a range in `shapes`, the batch axis alone is free, and fixed at `batch`.

    Raises UnsupportedError for another free axis without a range, and for a range that does not fit its input or the batch.
    """
    if unknown := sorted(set(shapes) - {spec.name for spec in inputs}):
        names = ", ".join(spec.name for spec in inputs)
        raise UnsupportedError(f"`shapes` names input {unknown[0]!r}, which the model does not have; it has: {names}")
    return {spec.name: _range_of(spec, batch, shapes.get(spec.name)) for spec in inputs if -1 in spec.shape}


def outside(profile: Profile, name: str, shape: Shape) -> str:
    """Why an input's shape is not one that the plan is for, and what to change; empty when it is one."""
    smallest, _, largest = profile.get(name, (shape, shape, shape))
    fits = len(shape) == len(smallest) and all(a <= b <= c for a, b, c in zip(smallest, shape, largest, strict=True))
    if fits:
        return ""
    return (
        f"input {name!r}: shape {list(shape)} is outside the plan's profile, {list(smallest)} to {list(largest)}; widen it with "
        f"`shapes: {{{name}: [smallest, usual, largest]}}` in the recipe's deployment"
    )


def _range_of(spec: TensorSpec, batch: int, given: ShapeRange | None) -> Bounds:
    if given is None:
        if free := [axis for axis, length in enumerate(spec.shape) if length < 0 and axis]:
            raise UnsupportedError(
                f"input {spec.name!r}: axis {free[0]} may have any length, and a plan needs bounds; give "
                f"`shapes: {{{spec.name}: [smallest, usual, largest]}}` in the recipe's deployment"
            )
        fixed = (batch, *spec.shape[1:])
        return fixed, fixed, fixed
    smallest, usual, largest = (tuple(shape) for shape in given)
    if len({len(spec.shape), *map(len, (smallest, usual, largest))}) > 1 or any(
        not (1 <= a <= b <= c and length in (-1, a) and length in (-1, c))
        for a, b, c, length in zip(smallest, usual, largest, spec.shape, strict=True)
    ):
        raise UnsupportedError(
            f"`shapes` of input {spec.name!r}: {list(map(list, given))} are not three rising shapes of {list(spec.shape)}"
        )
    if not smallest[0] <= batch <= largest[0] and spec.shape[0] < 0:
        raise UnsupportedError(
            f"`shapes` of input {spec.name!r}: batch {batch} is not from {smallest[0]} to {largest[0]}, the profile's bounds"
        )
    return smallest, usual, largest
