"""What a submission would do: how many distinct nodes, from the axes that reach each, and how many have a result.

A node is the same for all children that agree on the axes that reach it; one that an unstable node reaches is each
child's own. So the distinct nodes of a grid are counted in closed form; those of a sweep that leaves points out are
counted one by one up to a number of points, and beyond it there are at most as many as said. Whether they have results
is looked up: for all of them if they are few, else for a sample of children.
"""

import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from accio.domain.seeds import node_seed
from accio.domain.sweeps import Sweep
from accio.late import dataclass
from accio_daemon.core.inputs import Results, key_of, received
from accio_daemon.core.plan import NodePlan, Plan
from accio_daemon.core.terms import CacheMode, Pin, Result
from accio_daemon.storage import levels

EXACT = 20_000
"""Distinct nodes up to which each is looked up."""

_SAMPLE = 4_000
_WALKED = 100_000
"""Points of a sweep that is no grid up to which different ones are counted."""

Place = tuple[tuple[int, ...], int]
"""Coordinates on all axes (0 on those that don't matter) and the repetition (1 if it doesn't)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would happen; `cached` and `unknown` are estimates if it was sampled."""

    children: int
    nodes: int
    distinct: int
    cached: int
    unknown: int
    looked_up: int
    sampled: bool
    executed: Mapping[int, int]  # by node of the graph: how many different ones have no result


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is submitted. Without a seed, nothing that draws random numbers can have a result."""

    sweep: Sweep
    plan: Plan
    seed: int | None
    cache: CacheMode
    pins: Mapping[str, Pin]


def dry_run(connection: sqlite3.Connection, subject: Subject) -> DryRun:
    """Count, and look up as much as is sensible."""
    sweep, plan = subject.sweep, subject.plan
    representative = _representatives(plan)
    representatives = [plan.nodes[no] for no in plan.order if representative[no] == no]
    executed = {node.no: _distinct(sweep, node) for node in representatives}
    different = sum(executed.values())
    sampled = different > EXACT or (sweep.layout is not None and sweep.points > _WALKED)
    draw = random.Random(0)  # noqa: S311  # a sample, the same at each call
    count = max(1, _SAMPLE // max(1, len(representatives)))
    children = [draw.randrange(sweep.size) for _ in range(count)] if sampled else []
    look = _Lookup(connection, subject, representative)
    cached = unknown = looked_up = 0
    for node in representatives:
        if not look.possible(node):
            continue
        found = {_project(node, sweep.coordinates(child)) for child in children} if sampled else _places(sweep, node)
        places = list(found)
        hits, missing = look.node(node, places)
        share = executed[node.no] / len(places)
        executed[node.no] -= round(hits * share)
        cached += round(hits * share)
        unknown += round(missing * share)
        looked_up += len(places) - missing
    later = plan.count(sweep.budget) - plan.count(sweep.size)  # of trials that a study has yet to ask for
    return DryRun(
        children=sweep.budget,
        nodes=plan.count(sweep.budget),
        distinct=different + later,
        cached=cached,
        unknown=unknown + later,
        looked_up=looked_up,
        sampled=sampled,
        executed=executed,
    )


def _distinct(sweep: Sweep, node: NodePlan) -> int:
    """Return how many different nodes a node of the graph makes."""
    if node.of_parent:
        return 1
    if node.every_child:
        return sweep.size
    size = prod(sweep.axes[axis].size for axis in node.axes)
    if sweep.layout is None or not node.axes:
        return size
    if len(sweep.blocks) == 1 and sweep.blocks[0].is_whole:
        digits = [digit for digit in sweep.blocks[0].digits if not node.axes.isdisjoint(digit.axes)]
        if all(digit.is_plain or node.axes.issuperset(digit.axes) for digit in digits):
            return prod(digit.size for digit in digits)
    if sweep.points <= _WALKED:
        return len(set(_of_points(sweep, node)))
    return min(size, sweep.points)


def _of_points(sweep: Sweep, node: NodePlan) -> Iterator[Place]:
    """Yield where a node is for each point, equal places as often as there are points."""
    return (_project(node, sweep.coordinates(point * sweep.repeat)) for point in range(sweep.points))


def _representatives(plan: Plan) -> dict[int, int]:
    """Return for each node of the graph the first that equals it: same operator and inputs, and no randomness."""
    representative: dict[int, int] = {}
    first: dict[object, int] = {}
    for node in (plan.nodes[no] for no in plan.order):
        inputs = tuple(
            (b.port, b.text, b.axis, None if b.node is None else representative[b.node], b.node_port, b.gather)
            for b in node.bindings
        )
        # An unstable node's seed comes from its name.
        signature = (node.operator_no, inputs, node.name if node.operator.unstable else "")
        representative[node.no] = first.setdefault(signature, node.no)
    return representative


def _project(node: NodePlan, place: Place) -> Place:
    if node.every_child:
        return place
    coordinates, _ = place
    return tuple(index if axis in node.axes else 0 for axis, index in enumerate(coordinates)), 1


def _places(sweep: Sweep, node: NodePlan) -> Iterator[Place]:
    """Return every place at which a node differs."""
    if node.every_child:
        return (sweep.coordinates(child) for child in range(sweep.size))
    if sweep.layout is not None:
        return iter(dict.fromkeys(_of_points(sweep, node)))
    ranges = [range(axis.size) if place in node.axes else range(1) for place, axis in enumerate(sweep.axes)]
    return ((coordinates, 1) for coordinates in product(*ranges))


class _Lookup:
    """Looks nodes up, one node of the graph after the other; remembers the outputs of hits for their successors."""

    def __init__(self, connection: sqlite3.Connection, subject: Subject, representative: Mapping[int, int]) -> None:
        self._connection = connection
        self._subject = subject
        self._representative = representative
        self._results: dict[tuple[int, Place], Result] = {}

    def possible(self, node: NodePlan) -> bool:
        """Return whether a node can have a result at all."""
        subject = self._subject
        known = node.keys is not None and subject.cache is CacheMode.USE
        return known and not (node.operator.unstable and subject.seed is None)

    def node(self, node: NodePlan, places: Sequence[Place]) -> tuple[int, int]:
        """Return at how many of these places a node has a result, and at how many that can't be known yet."""
        assert node.keys is not None, "only possible nodes are looked up"
        keys: dict[bytes, Place] = {}
        unknown = 0
        for place in places:
            inputs = received(node.bindings, self._subject.sweep, place[0], self._results_at(place), self._subject.pins)
            if inputs is None or inputs.missing:
                unknown += 1
                continue
            seed = self._seed(node, place) if node.operator.unstable else None
            keys[key_of(node.keys, inputs, seed)] = place
        found = levels.find(self._connection, list(keys))
        for key, result in found.items():
            self._results[node.no, keys[key]] = result
        return len(found), unknown

    def _results_at(self, place: Place) -> Results:
        """Return where the hits of a place's predecessors are found: those of the nodes that equal them."""

        def result(no: int) -> Result | None:
            before = self._subject.plan.nodes[self._representative[no]]
            return self._results.get((before.no, _project(before, place)))

        return result

    def _seed(self, node: NodePlan, place: Place) -> int:
        sweep, seed = self._subject.sweep, self._subject.seed
        assert seed is not None, "unstable nodes without a seed aren't looked up"
        return node_seed(sweep.seed_of(sweep.number(*place), seed), node.name)
