"""The children of a sweep that match a query, found without walking them.

What a query says about parameters, repetitions and what is the same for all children becomes a decision diagram: one
level per axis, then one for the repetitions. On each level the indices are cut where the query changes, and what is
left of the query goes on to the next level, where equal rests share one node. So the size of the diagram depends on the
query, never on the number of children, and the k-th matching child is found by going down once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accio.domain.filters.checking import Checked, Predicate, text_parameters
from accio.domain.filters.fields import SEARCHED, Of
from accio.domain.filters.matching import found_in, holds
from accio.domain.filters.places import Places, of_repetitions, places, segments
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
from accio.domain.slices import Level, SweepSlice
from accio.domain.sweeps import Sweep

REPEAT = "repeat"
_MOST_WORK = 300_000
"""Leaves looked at while a diagram is built: more than any query by hand needs, and about a second."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A query over a sweep in two: the children that can match, and what has yet to be asked of each of them."""

    children: SweepSlice
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
    root = _Diagram(sweep, decided.predicates).node(0, all_of(by_place))
    return Selected(SweepSlice(sweep, root), decided.with_filter(rest))


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
        if found_in(text, {name: self._same.get(name) for name in SEARCHED}):
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
    def __init__(self, sweep: Sweep, predicates: Mapping[Term, Predicate]) -> None:
        self._sweep = sweep
        self._predicates = predicates
        self._nodes: dict[tuple[int, Filter], Level | None] = {}
        self._places: dict[Term, Places] = {}
        self._work = 0

    def node(self, level: int, rest: Filter) -> Level | None:
        """Return the node for what is left of the query on a level; None if no child matches it."""
        key = (level, rest)
        if key not in self._nodes:
            self._nodes[key] = self._made(level, rest)
        return self._nodes[key]

    def _made(self, level: int, rest: Filter) -> Level | None:
        if rest == NOTHING:
            return None
        size, found = self._here(level, rest)
        terms = list(found)
        ranges: list[range] = []
        below: list[Level | None] = []
        totals = [0]
        outcomes: dict[int, tuple[bool, Level | None]] = {}
        for part, held in segments(list(found.values()), size):
            if held not in outcomes:
                outcomes[held] = self._outcome(
                    level, rest, {term: bool(held >> bit & 1) for bit, term in enumerate(terms)}
                )
            matched, node = outcomes[held]
            if matched:
                ranges.append(part)
                below.append(node)
                totals.append(totals[-1] + len(part) * (1 if node is None else node.size))
        return Level(tuple(ranges), tuple(below), tuple(totals[:-1]), totals[-1]) if ranges else None

    def _here(self, level: int, rest: Filter) -> tuple[int, dict[Term, Places]]:
        """Return how many indices a level has, and which of them satisfy each term about it."""
        axes = self._sweep.axes
        for term in (of_level := self._terms(level, rest)):
            if term not in self._places:
                predicate = self._predicates[term]
                self._places[term] = (
                    places(predicate, axes[level])
                    if level < len(axes)
                    else of_repetitions(predicate, self._sweep.repeat)
                )
        size = axes[level].size if level < len(axes) else self._sweep.repeat
        return size, {term: self._places[term] for term in of_level}

    def _terms(self, level: int, rest: Filter) -> list[Term]:
        last = level == len(self._sweep.axes)
        key = REPEAT if last else f"param.{self._sweep.axes[level].name}"
        found = dict.fromkeys(leaf for leaf in leaves(rest) if not isinstance(leaf, Text))
        return [term for term in found if self._predicates[term].subject.key == key]

    def _outcome(self, level: int, rest: Filter, known: Mapping[Leaf, bool]) -> tuple[bool, Level | None]:
        """Return whether children can match once the terms of a level are known, and the node of the next level."""

        def leaf(leaf: Leaf) -> Filter:
            self._work += 1
            return leaf if leaf not in known else EVERYTHING if known[leaf] else NOTHING

        left = substitute(rest, leaf)
        if self._work > _MOST_WORK:
            raise FilterProblem("this query distinguishes too many cases; ask in several simpler ones", 0, 1)
        if level == len(self._sweep.axes):
            return left == EVERYTHING, None
        node = self.node(level + 1, left)
        return node is not None, node
