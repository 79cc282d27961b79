"""What failures have in common: one predicate over parameters, or two, with most lift and coverage.

Every axis is cut at its best place, and every pair of axes at its best corner, whose sides are then moved in turns
until nothing is gained. The winner makes the failures most likely for the bounds that it needs (`cuts`). What it
covers is taken away, and the rest is explained in the same way, as long as there is something to explain.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from accio.domain.filters import Comparison, Filter, OneOf, Op, all_of, any_of, parameter_term, sweep_context
from accio.domain.filters.fields import TEXT_KINDS
from accio.domain.filters.syntax import Not
from accio.domain.states import RunState
from accio.late import dataclass
from accio_client.analysis.aggregate import counted
from accio_client.analysis.columns import AxisColumn, Floats, Mask, SweepTable
from accio_client.analysis.cuts import best_corner, best_cut, by_share

_LARGEST_TABLE = 4_000_000
_LEAST_LIFT = 1.5
_MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A query, and how failures are spread over what matches it and what doesn't."""

    where: Filter
    words: str
    covered: int
    failed: int
    inside: int
    elsewhere_failed: int
    elsewhere: int

    @property
    def coverage(self) -> float:
        """The share of all failures that match."""
        return self.covered / self.failed

    @property
    def rate(self) -> float:
        """The share of failures among what matches."""
        return self.covered / self.inside

    @property
    def rate_elsewhere(self) -> float:
        return self.elsewhere_failed / self.elsewhere if self.elsewhere else 0.0

    @property
    def lift(self) -> float:
        """How many times the share of failures inside is that of all children."""
        return self.rate * (self.inside + self.elsewhere) / self.failed

    def __str__(self) -> str:
        covers = f"{self.words} covers {self.covered:,} of {self.failed:,} failures"
        return f"{covers}; {_percent(self.rate)} fail there, elsewhere {_percent(self.rate_elsewhere)}"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".0%", "%").replace("%", " %")


def explain_failures(
    table: SweepTable, *, failed: Mask | None = None, where: Mask | None = None, most: int = 3
) -> tuple[Explanation, ...]:
    """Return up to *most* explanations of what failed, among the children that have ended (or of *where*).

    Each one but the first is about what those before it leave. Nothing is returned where no predicate tells failures
    from the rest.
    """
    bad = table.in_state(RunState.FAILED) if failed is None else failed
    ended = table.in_state(RunState.SUCCESS, RunState.FAILED, RunState.KILLED) if where is None else where
    bad = bad & ended
    found: list[Explanation] = []
    axes = [axis for axis in table.axes if axis.size > 1]
    left = ended
    while len(found) < most and axes:
        box = _Search(table, axes, bad & left, left).best()
        if box is None:
            break
        inside = _inside(table, box)
        explanation = _explanation(table, box, inside, bad, ended)
        if explanation.lift < _LEAST_LIFT and explanation.rate < 1:
            break
        found.append(explanation)
        left = left & ~inside
        if not (bad & left).any():
            break
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Side:
    """Some places (in the order of the sweep) on one axis."""

    axis: AxisColumn
    places: tuple[int, ...]


class _Search:
    """The best box of one side or two, for some failures among some children."""

    def __init__(self, table: SweepTable, axes: Sequence[AxisColumn], failed: Mask, among: Mask) -> None:
        self._table = table
        self._axes = axes
        self._failed = failed
        self._among = among
        self._all_failed = float(failed.sum())
        self._all = float(among.sum())
        self._price = float(np.log(max(self._all, 2.0))) / 2
        self._orders = {axis.name: np.argsort(axis.numbers, kind="stable") for axis in axes if axis.is_ordered}

    def best(self) -> tuple[_Side, ...] | None:
        if not 0 < self._all_failed < self._all:
            return None
        candidates = [self._one(axis) for axis in self._axes]
        candidates += [
            self._two(*pair) for pair in combinations(self._axes, 2) if pair[0].size * pair[1].size <= _LARGEST_TABLE
        ]
        score, sides = max(candidates, key=lambda each: each[0])
        # Choosing among that many axes and pairs has its price, too.
        return sides if score > np.log(len(candidates)) + self._price else None

    def _counts(self, *axes: AxisColumn) -> tuple[Floats, Floats]:
        """Return the failures and the children per place of one axis or two, in the order of their values."""
        names, shape = [axis.name for axis in axes], tuple(axis.size for axis in axes)
        found = []
        for which in (self._failed, self._among):
            counts = counted(self._table, which, names).reshape(shape).astype(np.float64)
            for level, axis in enumerate(axes):
                if axis.name in self._orders:
                    counts = np.take(counts, self._orders[axis.name], axis=level)
            found.append(counts)
        return found[0], found[1]

    def _side(self, axis: AxisColumn, places: Sequence[int]) -> _Side:
        order = self._orders.get(axis.name)
        return _Side(axis, tuple(sorted(int(place if order is None else order[place]) for place in places)))

    def _one(self, axis: AxisColumn) -> tuple[float, tuple[_Side, ...]]:
        failed, n = self._counts(axis)
        cut = best_cut(failed, n, ordered=axis.is_ordered, all_failed=self._all_failed, all_n=self._all)
        return cut.gain - self._price * max(1, cut.cost), (self._side(axis, cut.places),)

    def _two(self, first: AxisColumn, second: AxisColumn) -> tuple[float, tuple[_Side, ...]]:
        failed, n = self._counts(first, second)
        # Values without an order are put in the order of their failures: the best corner is a set of them.
        orders = [
            np.arange(axis.size) if axis.is_ordered else by_share(failed.sum(axis=1 - level), n.sum(axis=1 - level))
            for level, axis in enumerate((first, second))
        ]
        turned = np.ix_(*orders)
        corner = best_corner(failed[turned], n[turned], self._all_failed, self._all)
        sides = [np.sort(order[list(part)]) for order, part in zip(orders, corner, strict=True)]
        best = -np.inf
        kept = (first, second)
        for _ in range(_MOST_ROUNDS):
            costs = [0, 0]
            gained = 0.0
            for level in (0, 1):
                picked = np.take(failed, sides[1 - level], axis=1 - level), np.take(n, sides[1 - level], axis=1 - level)
                cut = best_cut(
                    picked[0].sum(axis=1 - level),
                    picked[1].sum(axis=1 - level),
                    ordered=kept[level].is_ordered,
                    all_failed=self._all_failed,
                    all_n=self._all,
                )
                sides[level] = np.array(cut.places)
                costs[level], gained = cut.cost, cut.gain
            score = gained - self._price * max(2, sum(costs))
            if score <= best:
                break
            best = score
        made = tuple(self._side(axis, side.tolist()) for axis, side in zip(kept, sides, strict=True))
        useful = tuple(side for side in made if len(side.places) < side.axis.size)
        return (best, useful) if useful else (-np.inf, made)


def _inside(table: SweepTable, box: Sequence[_Side]) -> Mask:
    inside: Mask = np.ones(table.size, dtype=np.bool_)
    for side in box:
        flags = np.zeros(side.axis.size, dtype=np.bool_)
        flags[list(side.places)] = True
        inside &= flags[table.coordinate(side.axis.name)]
    return inside


def _explanation(table: SweepTable, box: Sequence[_Side], inside: Mask, bad: Mask, among: Mask) -> Explanation:
    context = sweep_context(table.sweep, now_ms=0)
    terms: list[Filter] = []
    words: list[str] = []
    for side in box:
        name = parameter_term(context, side.axis.name)
        terms += _terms(name, side)
        words += _words(side)
    covered = int((bad & inside).sum())
    failed, within, n = int(bad.sum()), int((among & inside).sum()), int(among.sum())
    return Explanation(
        where=all_of(terms),
        words=" and ".join(words),
        covered=covered,
        failed=failed,
        inside=within,
        elsewhere_failed=failed - covered,
        elsewhere=n - within,
    )


def _bounds(side: _Side) -> tuple[str | None, str | None]:
    """Return the lowest and the highest value of a range; None for an end that is the end of the axis."""
    order = np.argsort(side.axis.numbers, kind="stable")
    ranks = np.sort(np.argsort(order)[list(side.places)])
    low = None if ranks[0] == 0 else side.axis.text(int(order[ranks[0]]))
    high = None if ranks[-1] == side.axis.size - 1 else side.axis.text(int(order[ranks[-1]]))
    return low, high


def _terms(name: str, side: _Side) -> list[Filter]:
    if side.axis.lacking in side.places and side.axis.type.kind in TEXT_KINDS:
        return [_with_no_text(name, side)]
    if len(side.places) == 1:
        return [Comparison(name, Op.EQUAL, side.axis.text(side.places[0]))]
    if not side.axis.is_ordered:
        return [OneOf(name, tuple(map(side.axis.text, side.places)))]
    low, high = _bounds(side)
    terms: list[Filter] = [Comparison(name, Op.AT_LEAST, low)] if low is not None else []
    return [*terms, Comparison(name, Op.AT_MOST, high)] if high is not None else terms


def _with_no_text(name: str, side: _Side) -> Filter:
    """Return a term for places one of which has no text: `null` is a text like any other, but only a text holds the
    empty one.
    """
    texts = tuple(side.axis.text(place) for place in side.places if place != side.axis.lacking)
    none = Not(Comparison(name, Op.CONTAINS, ""))
    return none if not texts else any_of([OneOf(name, texts), none])


def _words(side: _Side) -> list[str]:
    name = side.axis.name
    if len(side.places) == 1:
        return [f"{name} = {side.axis.text(side.places[0])}"]
    if not side.axis.is_ordered:
        return [f"{name} in {', '.join(map(side.axis.text, side.places))}"]
    match _bounds(side):
        case (None, high):
            return [f"{name} ≤ {high}"]
        case (low, None):
            return [f"{name} ≥ {low}"]
        case (low, high):
            return [f"{low} ≤ {name} ≤ {high}"]
