"""The trade-off front: of all rows, those that no other one beats in both latency and accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.records import Record, Scope, Status
from workbench.report.bars import COLOURS
from workbench.report.labels import SCOPE_TITLES, count, number, place, row_label, varying
from workbench.report.svg_points import Dot, dots_svg

TITLE = "Latency against accuracy: the best choices"
READING = "The further left and down, the better. Ringed and numbered: no other row is both faster and more accurate. "


@dataclass(frozen=True)
class Front:
    """The rows of one model in one scope that have latency and accuracy, and the best of them, fastest first."""

    title: str
    rows: list[Record]
    best: list[Record]
    shown: frozenset[str]

    @property
    def choices(self) -> list[str]:
        """The best choices, one line each."""
        return [f"{index}. {_choice(row, self.shown)}" for index, row in enumerate(self.best, start=1)]

    @property
    def alt(self) -> str:
        """The sentence that says what the picture shows."""
        return f"Scatter plot of {count(len(self.rows), 'row')}, {self.title}. Best choices: {'; '.join(self.choices)}."


def fronts(records: Sequence[Record]) -> list[Front]:
    """A front for each model, metric, machine and scope that has more than one row with latency (p50) and accuracy."""
    works: dict[tuple[str, ...], list[Record]] = {}
    for row in records:
        if row.status is Status.OK and row.latency_p50_ms is not None and _drop(row) is not None:
            works.setdefault((row.model, row.machine_id, row.scope, row.metric_name), []).append(row)
    several = len({key[:2] for key in works}) > 1
    found = []
    for (model, machine, scope, _), rows in works.items():
        if len(rows) > 1:
            title = f"{f'{model} on machine {machine}: ' if several else ''}{SCOPE_TITLES[Scope(scope)]}"
            found.append(Front(title, rows, best_of(rows), varying(rows)))
    return found


def best_of(rows: Sequence[Record]) -> list[Record]:
    """The rows that no other one beats: faster ones lose more points. Of equal ones the first."""
    best: list[Record] = []
    for row in sorted(rows, key=lambda row: (row.latency_p50_ms or 0.0, _drop(row) or 0.0)):
        if not best or (_drop(row) or 0.0) < (_drop(best[-1]) or 0.0):
            best.append(row)
    return best


def front_svg(front: Front, *, caption: str) -> str:
    """The rows as points, those on the front joined; the colour tells the precision, the marker the backend."""
    places = list(dict.fromkeys(place(row, shown=front.shown) for row in front.rows))
    ranks = {id(row): rank for rank, row in enumerate(front.best, start=1)}
    dots = [
        Dot(
            row.latency_p50_ms or 0.0, _drop(row) or 0.0, COLOURS[row.precision], places.index(place(row, shown=front.shown)),
            ranks.get(id(row)),
            None if row.drop_low is None or row.drop_high is None else (row.drop_low, row.drop_high),
        )
        for row in front.rows
    ]  # fmt: skip
    axes = ("latency in ms: p50", f"points of {front.rows[0].metric_name} lost")
    colours = {row.precision.upper(): COLOURS[row.precision] for row in front.rows}
    return dots_svg(
        dots,
        axes=axes,
        title=TITLE,
        subtitle=front.title,
        markers=places,
        colours=colours,
        lines=front.choices,
        caption=READING + caption,
    )


def _drop(row: Record) -> float | None:
    """Points lost; the row that the others are compared with loses none."""
    return 0.0 if row.is_baseline and row.metric_drop is None and row.metric_value is not None else row.metric_drop


def _choice(row: Record, shown: frozenset[str]) -> str:
    lost = number(_drop(row) or 0.0, digits=3)
    interval = "" if row.drop_low is None or row.drop_high is None or row.is_baseline else (
        f" ({number(row.drop_low, digits=3)} to {number(row.drop_high, digits=3)})"
    )  # fmt: skip
    where = place(row, shown=shown - {"model", "machine_id"})
    return f"{row_label(row)}, {where}: {number(row.latency_p50_ms or 0.0, digits=3)} ms, {lost}{interval} points lost"
