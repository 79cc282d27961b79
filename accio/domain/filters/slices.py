"""The children of a sweep that match a query, found without walking them.

What a query says about parameters, repetitions and what is the same for all children becomes a decision diagram: one
level per digit of a child's number (an axis, or several that go together), then one for the repetitions. On each level
the indices are cut where the query changes, and what is left of the query goes on to the next level, where equal rests
share one node. So the size of the diagram depends on the query (and on rows that the definition lists), never on the
number of children, and the k-th matching child is found by going down once.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accio.domain.axes import Axis
from accio.domain.filters.checking import Checked, Predicate, text_parameters
from accio.domain.filters.fields import SEARCHED, Of
from accio.domain.filters.matching import finder, holds
from accio.domain.filters.places import Places, of_flags, of_repetitions, places, segments
from accio.domain.filters.problems import FilterProblem
from accio.domain.filters.syntax import (
    EVERYTHING,
    NOTHING,
    Comparison,
    Filter,
    Leaf,
    Op,
    Term,
    Text,
    all_of,
    any_of,
    conjuncts,
    leaves,
    substitute,
)
from accio.domain.layouts import Digit
from accio.domain.slices import Level, Numbered, SweepSlice
from accio.domain.sweeps import Sweep
from accio.late import dataclass

REPEAT = "repeat"
_MOST_WORK = 300_000
"""Leaves looked at while a diagram is built: more than any query by hand needs, and about a second."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A query over a sweep in two: the children that can match, and what has yet to be asked of each of them."""

    children: Numbered
    rest: Checked


def select(checked: Checked, sweep: Sweep, same_for_all: Mapping[str, Any] | None = None) -> Selected:
    """Split a query over the children of *sweep*.

    *same_for_all* has the row values of the parent that its children share (owner, tag, name …). FilterProblem if the
    query distinguishes too many cases.
    """
    decided = decide(checked, sweep, same_for_all)
    parts = conjuncts(decided.filter)
    placed = [all(_has_place(decided, leaf, sweep) for leaf in leaves(part)) for part in parts]
    by_place = [part for part, is_placed in zip(parts, placed, strict=True) if is_placed]
    rest = all_of([part for part, is_placed in zip(parts, placed, strict=True) if not is_placed])
    wanted = all_of(by_place)
    children = sweep.children(
        lambda block: _Diagram(sweep.axes, block.digits, sweep.repeat, decided.predicates).node(0, wanted)
    )
    return Selected(children, decided.with_filter(rest))


def kept_points(checked: Checked, axes: Sequence[Axis], digits: Sequence[Digit]) -> SweepSlice:
    """Return the points of a product of digits that a condition on the parameters keeps.

    FilterProblem if it distinguishes too many cases.
    """
    root = _Diagram(axes, digits, None, checked.predicates).node(0, checked.filter)
    return SweepSlice([digit.size for digit in digits], root)


def decide(checked: Checked, sweep: Sweep, same_for_all: Mapping[str, Any] | None = None) -> Checked:
    """Return the query without what is known before any child is looked at.

    Terms on what all children share are decided, and a search for words becomes terms on the parameters searched.
    """
    known = _Known(checked, sweep, same_for_all or {})
    decided = substitute(checked.filter, known.leaf)
    return Checked(decided, {**checked.predicates, **known.added}, checked.context, checked.warnings)


def _has_place(checked: Checked, leaf: Leaf, sweep: Sweep) -> bool:
    """Return whether a leaf is decided by where the child is in the sweep."""
    if isinstance(leaf, Text):
        return False
    subject = checked.predicates[leaf].subject
    return (subject.of is Of.PARAMETER and sweep.axis(subject.name) is not None) or subject.key == REPEAT


class _Known:
    """What is known of leaves before any child is looked at."""

    def __init__(self, checked: Checked, sweep: Sweep, same_for_all: Mapping[str, Any]) -> None:
        self._checked = checked
        self._names = {axis.name for axis in sweep.axes}
        self._same = same_for_all
        self._texts = [name for name in text_parameters(checked.context) if name in self._names]
        self.added: dict[Term, Predicate] = {}

    def leaf(self, leaf: Leaf) -> Filter:
        """Return Everything or its contrary where that is decided; a search as terms on the parameters searched."""
        if isinstance(leaf, Text):
            return self._search(leaf.text)
        predicate = self._checked.predicates[leaf]
        if predicate.subject.of is Of.FIELD and predicate.subject.key in self._same:
            return EVERYTHING if holds(predicate, self._same[predicate.subject.key]) else NOTHING
        return leaf

    def _search(self, text: str) -> Filter:
        if finder(text)({name: self._same.get(name) for name in SEARCHED}):
            return EVERYTHING
        terms: list[Filter] = []
        for name in self._texts:
            term = Comparison(f"param.{name}", Op.CONTAINS, text)
            subject = self._checked.context.find(term.name)
            assert subject is not None
            self.added[term] = Predicate(subject, Op.CONTAINS, (text,), self._checked.context.now_ms)
            terms.append(term)
        return any_of(terms)


class _Diagram:
    def __init__(
        self,
        axes: Sequence[Axis],
        digits: Sequence[Digit],
        repeat: int | None,
        predicates: Mapping[Term, Predicate],
    ) -> None:
        """Prepare the diagram of a product of digits; without repetitions (None), it has no level for them."""
        self._digits = digits
        self._axes = [{f"param.{axes[place].name}": place for place in digit.axes} for digit in digits]
        self._values = axes
        self._repeat = repeat
        self._levels = len(digits) + (repeat is not None)
        self._predicates = predicates
        self._nodes: dict[tuple[int, Filter], Level | None] = {}
        self._places: dict[Term, Places] = {}
        self._work = 0

    def node(self, level: int, rest: Filter) -> Level | None:
        """Return the node for what is left of the query on a level; None if no child matches it."""
        key = (level, rest)
        if key not in self._nodes:
            self._nodes[key] = None if rest == NOTHING else Level.of(self._taken(level, rest))
        return self._nodes[key]

    def _taken(self, level: int, rest: Filter) -> Iterator[tuple[range, Level | None]]:
        terms = self._terms(level, rest)
        outcomes: dict[int, tuple[bool, Level | None]] = {}
        for part, held in segments([self._where(level, term) for term in terms], self._size(level)):
            if held not in outcomes:
                known: Mapping[Leaf, bool] = {term: bool(held >> bit & 1) for bit, term in enumerate(terms)}
                outcomes[held] = self._outcome(level, rest, known)
            matched, node = outcomes[held]
            if matched:
                yield part, node

    def _size(self, level: int) -> int:
        return self._digits[level].size if level < len(self._digits) else self._repeat or 1

    def _terms(self, level: int, rest: Filter) -> list[Term]:
        keys = self._axes[level] if level < len(self._digits) else {REPEAT: 0}
        found = dict.fromkeys(leaf for leaf in leaves(rest) if not isinstance(leaf, Text))
        return [term for term in found if self._predicates[term].subject.key in keys]

    def _where(self, level: int, term: Term) -> Places:
        """Return which indices of a level satisfy a term about it."""
        if term not in self._places:
            predicate = self._predicates[term]
            if level == len(self._digits):
                self._places[term] = of_repetitions(predicate, self._repeat or 1)
            else:
                place = self._axes[level][predicate.subject.key]
                self._places[term] = _rows(self._digits[level], place, places(predicate, self._values[place]))
        return self._places[term]

    def _outcome(self, level: int, rest: Filter, known: Mapping[Leaf, bool]) -> tuple[bool, Level | None]:
        """Return whether children can match once the terms of a level are known, and the node of the next level."""

        def leaf(leaf: Leaf) -> Filter:
            self._work += 1
            return leaf if leaf not in known else EVERYTHING if known[leaf] else NOTHING

        left = substitute(rest, leaf)
        if self._work > _MOST_WORK:
            raise FilterProblem("this query distinguishes too many cases; ask in several simpler ones", 0, 1)
        if level == self._levels - 1:
            return left == EVERYTHING, None
        node = self.node(level + 1, left)
        return node is not None, node


def _rows(digit: Digit, place: int, found: Places) -> Places:
    """Return which values of a digit have one of the *found* indices on the axis at a place."""
    if digit.is_plain:
        return found
    starts = [part.start for part in found]

    def is_found(index: int) -> bool:
        at = bisect_right(starts, index)
        return at > 0 and index < found[at - 1].stop

    return of_flags(map(is_found, digit.column(place)))
