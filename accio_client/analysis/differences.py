"""What differs between two runs: facts, parameters, operators, and outputs on the points that both have."""

from collections.abc import Iterator

import numpy as np

from accio.domain.axes import Axis
from accio.domain.sweeps import Sweep
from accio.errors import AccioError
from accio.late import dataclass
from accio_client.analysis.columns import AxisColumn
from accio_client.analysis.compare import Joined, joined
from accio_client.collected import Collected
from accio_client.views import RunView

_LISTED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that both runs have, with its two values; empty where one run has none."""

    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDifference:
    """An output at a point that both have: its two means, and the difference with its 95 % interval (None: unknown)."""

    point: dict[str, str]
    n: int
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDifference:
    """An output, on the points that both have: `points` are those that differ."""

    name: str
    unit: str
    common: int
    paired: bool
    points: tuple[PointDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs that differ; how many points only one of the runs has; why outputs couldn't be compared, if so."""

    differing: tuple[OutputDifference, ...]
    only_first: int
    only_second: int
    obstacle: str = ""


def facts(first: RunView, second: RunView) -> list[Fact]:
    """Return what differs of how two runs were asked for, and of how they went."""
    pairs = [
        ("kind", first.kind, second.kind),
        ("workflow", first.workflow_id, second.workflow_id),
        ("version", first.workflow_version, second.workflow_version),
        ("seed", str(first.seed), str(second.seed)),
        ("repeat", _text(first.repeat), _text(second.repeat)),
        ("state", first.state.value, second.state.value),
        ("children", _counts(first), _counts(second)),
    ]
    return [Fact(name=name, first=one, second=other) for name, one, other in pairs if one != other]


def parameters(first: Sweep, second: Sweep) -> list[Fact]:
    """Return the parameters whose values differ."""
    names = dict.fromkeys(axis.name for sweep in (first, second) for axis in sweep.axes)
    pairs = [(name, first.axis(name), second.axis(name)) for name in names]
    return [Fact(name=name, first=_values(one), second=_values(other)) for name, one, other in pairs if one != other]


def have_same_seeds(first: Collected, second: Collected) -> bool:
    """Return whether children of equal points and repetitions have equal seeds."""
    one, other = first.table.sweep, second.table.sweep
    differing = {fact.name for fact in parameters(one, other)}
    varying = {axis.name for sweep in (one, other) for axis in sweep.axes if axis.size > 1}
    same_names = [axis.name for axis in one.axes] == [axis.name for axis in other.axes]
    return first.head.run.seed == second.head.run.seed and same_names and not differing - varying


def outputs(first: Collected, second: Collected) -> Outputs:
    """Compare the numbers that both runs have, on their common points."""
    same_seeds = have_same_seeds(first, second)
    differing: list[OutputDifference] = []
    only = (0, 0)
    for name in first.table.numbers:
        if name not in second.table.numbers:
            continue
        try:
            found = joined(first.table, second.table, name, same_seeds=same_seeds)
        except AccioError as error:
            return Outputs(differing=(), only_first=0, only_second=0, obstacle=error.message)
        only = (found.only_first, found.only_second)
        points = tuple(_points(first, found))
        if points:
            unit = first.table.numbers[name].unit
            differing.append(
                OutputDifference(name=name, unit=unit, common=len(found.points), paired=found.paired, points=points)
            )
    return Outputs(differing=tuple(differing), only_first=only[0], only_second=only[1])


def _points(first: Collected, found: Joined) -> Iterator[PointDifference]:
    axes = [AxisColumn(axis) for name in found.names if (axis := first.table.sweep.axis(name)) is not None]
    differs = np.isfinite(found.difference) & ~((found.difference == 0) & (found.first_mean == found.second_mean))
    for at in np.flatnonzero(differs).tolist():
        low, high = float(found.low[at]), float(found.high[at])
        yield PointDifference(
            point={axis.name: axis.text(int(place)) for axis, place in zip(axes, found.points[at], strict=True)},
            n=int(found.n[at]),
            first=float(found.first_mean[at]),
            second=float(found.second_mean[at]),
            difference=float(found.difference[at]),
            low=low if np.isfinite(low) else None,
            high=high if np.isfinite(high) else None,
        )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _counts(run: RunView) -> str:
    return ", ".join(f"{count} {state}" for state, count in run.children_by_state.items() if count)


def _values(axis: Axis | None) -> str:
    """Return the values of a parameter for people: all of a few, else the first, the last, and how many."""
    if axis is None:
        return ""
    column = AxisColumn(axis)
    if axis.size <= _LISTED:
        return ", ".join(column.text(at) for at in range(axis.size))
    return f"{column.text(0)} … {column.text(axis.size - 1)} ({axis.size:,} values)"
