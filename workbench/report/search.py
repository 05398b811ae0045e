"""What an accuracy-aware search found: sentences, its trials as a table, and the trade-off as a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.files import write_bytes
from workbench.records import Record, Status
from workbench.report.figure import Figure
from workbench.report.labels import count, number
from workbench.report.series import Chart, Series, render_charts

JUDGED = (
    "On few samples a drop alone is noise, and more noise in the outputs cannot mean less of a drop: a trial is judged by its "
    "drop averaged with its neighbours' until the drops never rise with the SQNR."
)


@dataclass(frozen=True)
class SearchSection:
    """One model's search, as the report shows it."""

    title: str
    sentences: list[str]
    trials: pd.DataFrame
    in_float: pd.DataFrame
    figure: Figure | None


def search_section(
    key: str, found: Mapping[str, Any], *, records: Sequence[Record], out_dir: Path, caption: str
) -> SearchSection:
    """The section of the model `key` from its `search/<key>.json`; the plot goes to `out_dir`.

    `records`: the run's rows; those of this model tell what became of the target on samples that no search has looked at.
    """
    backends: dict[str, dict[str, Any]] = found["backends"]
    judged = {row.backend: row for row in records if key == f"{row.method}-{row.variant}" and _was_judged(row)}
    sentences = [
        _sentence(name, one, found) + (_on_evaluation(judged[name], found) if name in judged else "")
        for name, one in backends.items()
    ]
    sentences += [f"{name} was not searched on: {reason}." for name, reason in found["not_searched"].items()]
    trials = pd.DataFrame([_trial(name, t) for name, one in backends.items() for t in one["trials"]], dtype=object)
    kept = [(name, tensor, why) for name, one in backends.items() for tensor, why in one["in_float"].items()]
    return SearchSection(
        title=f"{key}: at most {number(found['target']['max_drop'])} points of {found['metric']}",
        sentences=[*sentences, JUDGED] if len(trials) else sentences,
        trials=trials,
        in_float=pd.DataFrame(kept, columns=["Backend", "Kept in float", "Why"], dtype=object),
        figure=_figure(key, found, out_dir / f"search_{key}.png", caption),
    )


def _sentence(name: str, one: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    chosen, tried = one["chosen"], count(len(one["trials"]), "evaluation")
    if chosen is None:
        return f"{name}: nothing could be evaluated: {one['trials'][0]['judgement']['reason']}."
    metric, judgement = found["metric"], chosen["judgement"]
    size = len(chosen["candidate"]["in_float"])
    what = (
        f"{chosen['candidate']['algorithm']} ranges with {count(size, 'tensor') if size else 'nothing'} kept in float"
    )
    reached = "reached" if one["reached"] else "not reached; the best found is"
    figures = [f"{judgement['drop']:.2f} points of {metric} lost on {one['samples']} search samples"]
    if judgement["sqnr_db"] is not None:
        figures.append(f"{judgement['sqnr_db']:.1f} dB")
    figures += _price(one)
    return f"{name}: {reached} after {tried} ({one['ended']}): {what}: {', '.join(figures)}."


def _was_judged(row: Record) -> bool:
    return row.status is Status.OK and None not in (row.metric_drop, row.drop_low, row.drop_high)


def _on_evaluation(row: Record, found: Mapping[str, Any]) -> str:
    """What the samples that the search never saw say; their interval decides whether the target is missed there."""
    drop, low, high = (float(value or 0) for value in (row.metric_drop, row.drop_low, row.drop_high))
    limit = float(found["target"]["max_drop"])
    verdict = (
        "within the target"
        if drop <= limit
        else "above the target" + ("" if low > limit else ", but within noise of it")
    )
    return f" On the evaluation samples it loses {drop:.2f} points ({low:.2f} to {high:.2f}): {verdict}."


def _price(one: Mapping[str, Any]) -> Iterator[str]:
    """What the tensors in float cost in time."""
    if price := one["price"]:
        interval = f"{number(price['low'], digits=3)} to {number(price['high'], digits=3)}"
        noise = "; the machine was not quiet" if price["warning"] else ""
        ratio = number(price["ratio"], digits=3)
        yield f"{price['ms']:+.2f} ms for what is in float (latency x {ratio}, {interval}{noise})"


def _trial(name: str, trial: Mapping[str, Any]) -> dict[str, Any]:
    judgement, candidate = trial["judgement"], trial["candidate"]
    row = {
        "Backend": name,
        "Ranges": candidate["algorithm"],
        "In float": len(candidate["in_float"]),
        "Why tried": trial["why"],
        "Drop (points)": _rounded(judgement["drop"], 2),
        "Drop as judged": _rounded(trial["judged_drop"], 2),
        "SQNR (dB)": _rounded(judgement["sqnr_db"], 1),
        "Took (s)": judgement["seconds"],
        "Within target": "yes" if trial["passed"] else judgement["reason"] or "no",
    }
    return {heading: "" if value is None else value for heading, value in row.items()}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _figure(key: str, found: Mapping[str, Any], path: Path, caption: str) -> Figure | None:
    """Drop and SQNR against the number of tensors in float; None, and no file, where nothing was evaluated."""
    charts = [
        _chart(found, "drop", "points lost", limit=found["target"]["max_drop"], name="max_drop"),
        _chart(found, "sqnr_db", "SQNR in dB", limit=found["target"]["min_sqnr_db"], name="min_sqnr_db"),
    ]
    drawn = [chart for chart in charts if chart.series]
    if not drawn:
        path.unlink(missing_ok=True)
        return None
    title = f"Accuracy against tensors kept in float, {key}"
    circled = "Circled: what was chosen. Drop and SQNR against FP32 of the same backend, on the search samples. "
    write_bytes(path, render_charts(drawn, title=title, caption=circled + caption))
    points = [
        f"{name}, {t['candidate']['algorithm']}, {len(t['candidate']['in_float'])} in float: {t['judgement']['drop']:.2f} points"
        for name, one in found["backends"].items()
        for t in one["trials"]
        if t["judgement"]["drop"] is not None
    ]
    return Figure(path, title, f"Line chart: {title}. {'; '.join(points)}.", pd.DataFrame())


def _chart(found: Mapping[str, Any], column: str, axis: str, *, limit: float | None = None, name: str = "") -> Chart:
    series = [made for backend, one in found["backends"].items() for made in _series(backend, one, column)]
    return Chart("tensors kept in float", axis, series, limit=limit, limit_name=name)


def _series(backend: str, one: Mapping[str, Any], column: str) -> Iterator[Series]:
    """A series for each algorithm that was tried on a backend, by the number of tensors in float."""
    trials: Sequence[dict[str, Any]] = [t for t in one["trials"] if t["judgement"][column] is not None]
    for algorithm in dict.fromkeys(t["candidate"]["algorithm"] for t in trials):
        mine = sorted(
            (t for t in trials if t["candidate"]["algorithm"] == algorithm),
            key=lambda t: len(t["candidate"]["in_float"]),
        )
        chosen = next(
            (i for i, t in enumerate(mine) if one["chosen"] and t["candidate"] == one["chosen"]["candidate"]), None
        )
        sizes = [float(len(t["candidate"]["in_float"])) for t in mine]
        yield Series(f"{backend}, {algorithm}", sizes, [t["judgement"][column] for t in mine], chosen)
