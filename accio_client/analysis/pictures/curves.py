"""Curves: what nodes measured at steps, a line for each child, or the mean of those with one value of a parameter."""

import math
import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from accio.domain.series import Point, joined
from accio.domain.states import RunState
from accio.domain.student import ci95_factor
from accio_client.analysis.columns import Floats, Ints, Mask, SweepTable
from accio_client.analysis.pictures.specification import (
    MOST_LINES,
    MOST_SERIES,
    Counted,
    Head,
    Kind,
    Lines,
    PictureAxis,
    Scale,
    Series,
    evenly,
    growing,
)
from accio_client.views import SeriesView

MOST_AVERAGED = 25
"""Children behind one line."""

Curves = Mapping[str, Sequence[Point]]
"""By the run's id and the node's name, as RUN/NODE."""


def chosen(table: SweepTable, where: Mask | None, by: str | None) -> Ints:
    """Return the children whose series are drawn: some that have begun, evenly spread, of each value of *by*."""
    begun = ~table.in_state(RunState.SCHEDULED)
    numbers = np.flatnonzero(begun if where is None else begun & where)
    if by is None:
        return numbers[evenly(len(numbers), MOST_SERIES)]
    place = table.coordinate(by, numbers)
    axis = table.axis(by)
    found: list[int] = []
    for at in growing(axis)[evenly(axis.size, MOST_SERIES)].tolist():
        of_value = numbers[place == at]
        found += of_value[evenly(len(of_value), MOST_AVERAGED)].tolist()
    return np.array(found, dtype=np.int64)


def curves_of(series: Sequence[SeriesView]) -> dict[str, list[Point]]:
    """Return one curve for each node: that of its attempts, one going on from the other."""
    return {
        place: joined([each.points for each in some])
        for place, some in groupby(series, key=lambda each: f"{each.run}/{each.node}")
    }


def curves(
    table: SweepTable,
    name: str,
    found: Mapping[int, Curves],
    *,
    by: str | None = None,
    where: Mask | None = None,
    query: str = "",
) -> Lines:
    """Return the picture of a series *name* over its steps; *found* has the curves of the children that were chosen.

    With *by*, the mean of the children of each value with its 95 % interval, where each counts at a step with what it
    measured last.
    """
    begun = int((~table.in_state(RunState.SCHEDULED) & (True if where is None else where)).sum())
    with_curves = {number: each for number, each in found.items() if each}
    remarks = ["evenly spread"] if len(found) < begun else []
    lines = _each(table, with_curves) if by is None else _means(table, by, with_curves)
    if len(lines) > MOST_SERIES:
        remarks.append(f"{MOST_SERIES} of {len(lines):,} nodes")
    words = ["accio", "plot", table.run, f"-metric={name}", *([f"-by={by}"] if by else [])]
    words += [f"-where={query}"] if query else []
    return Lines(
        head=Head(
            kind=Kind.LINE,
            title=f"{name} over its steps" if by is None else f"Mean and 95 % interval of {name} over its steps",
            counted=Counted(len(with_curves), table.size, len(found) - len(with_curves)),
            remarks=tuple(remarks),
            command=shlex.join(words),
        ),
        x=PictureAxis("step", "", Scale.LINEAR),
        y=PictureAxis(name, "", Scale.LINEAR),
        series=tuple(lines[:MOST_SERIES]),
        series_name=by or ("child" if len(lines) > 1 else ""),
    )


def _each(table: SweepTable, found: Mapping[int, Curves]) -> list[Series]:
    nodes = {place.partition("/")[2] for some in found.values() for place in some}
    lines: list[Series] = []
    for number, some in found.items():
        label = table.sweep.label(number) if table.size > 1 else ""
        for place, points in some.items():
            node = place.partition("/")[2] if len(nodes) > 1 else ""
            ordered = _by_step(points)
            lines.append(
                Series(
                    name=" ".join(filter(None, (label, node))),
                    x=np.array([point.step for point in ordered], dtype=np.float64),
                    y=np.array([_drawn(point.value) for point in ordered]),
                )
            )
    return lines


def _means(table: SweepTable, by: str, found: Mapping[int, Curves]) -> list[Series]:
    axis = table.axis(by)
    numbers = np.array(list(found), dtype=np.int64)
    place = table.coordinate(by, numbers)
    lines: list[Series] = []
    for at in growing(axis).tolist():
        points = [each for number in numbers[place == at].tolist() for each in found[number].values()]
        if points:
            lines.append(_mean(axis.text(at), [_by_step(each) for each in points]))
    return lines


def _mean(name: str, several: Sequence[Sequence[Point]]) -> Series:
    steps = np.unique([point.step for points in several for point in points]).astype(np.float64)
    steps = steps[evenly(len(steps), MOST_LINES)]
    values = np.array([_held(points, steps) for points in several])
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    half = np.array([ci95_factor(int(count) - 1) if count > 1 else math.nan for count in n])
    half = half * np.sqrt(squares / np.maximum(n - 1, 1) / np.maximum(n, 1))
    mean = np.where(n > 0, mean, math.nan)
    return Series(name=name, x=steps, y=mean, low=mean - half, high=mean + half, n=n)


def _held(points: Sequence[Point], steps: Floats) -> Floats:
    """Return the value at each step: the one that was measured last; none before the first and after the last point."""
    at = np.array([point.step for point in points], dtype=np.float64)
    values = np.array([_drawn(point.value) for point in points])
    held = values[np.maximum(np.searchsorted(at, steps, side="right") - 1, 0)]
    return np.where((steps < at[0]) | (steps > at[-1]), math.nan, held)


def _by_step(points: Sequence[Point]) -> list[Point]:
    return sorted(points, key=lambda point: point.step)


def _drawn(value: float) -> float:
    return value if math.isfinite(value) else math.nan
