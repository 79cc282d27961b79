"""The queue by itself: whoever comes in whatever order, the earliest place is first; and what that costs."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

from accio.domain.states import Phase
from accio_daemon.core.moves import move_execution
from accio_daemon.core.node_queue import Group
from accio_daemon.core.records import Execution
from accio_daemon.core.terms import ExecutionNo, Place, SessionNo
from accio_daemon.core.world import World
from tests import builders
from tests.simulator.cluster import Cluster


@pytest.fixture
def pattern(cluster: Cluster) -> Execution:
    """Return an execution that others are made like; the queue is empty."""
    cluster.submit(builders.graph({"A": []}))
    cluster.join()
    (execution,) = cluster.world.executions.values()
    assert not cluster.world.queue.count
    return execution


def enter(world: World, pattern: Execution, places: Iterable[Place]) -> Group:
    """Queue executions at these places; return the group that all of them are in."""
    for number, place in enumerate(places, start=1000):
        execution = Execution(
            ExecutionNo(number), pattern.node, pattern.node_class, pattern.owner, place, pattern.payer
        )
        move_execution(world, execution, Phase.QUEUED)
    (group,) = world.queue.groups.values()
    return group


def take_all(world: World, group: Group) -> list[Place]:
    """Remove the first execution until none is left; return their places."""
    found: list[Place] = []
    while (execution := group.head()) is not None:
        found.append(execution.place)
        move_execution(world, execution, Phase.GRANTED)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_the_earliest_place_is_first(cluster: Cluster, pattern: Execution, seed: int) -> None:
    """Stretches in order with late-comers between them come out in order, and are shown in order."""
    rng = random.Random(seed)  # noqa: S311 — no secret
    places = [Place(rng.randrange(6), rng.randrange(6), 0) for _ in range(60)]
    places[20:45] = sorted(places[20:45])
    group = enter(cluster.world, pattern, places)
    assert [each.place for each in cluster.world.queue] == sorted(places)
    assert take_all(cluster.world, group) == sorted(places)


def test_who_leaves_and_comes_back_is_there_once(cluster: Cluster, pattern: Execution) -> None:
    """One that returns to its old place, while its former entry still stands there, is taken once."""
    world, places = cluster.world, [Place(1, child, 0) for child in range(4)]
    group = enter(world, pattern, places)
    _, second, *_ = list(world.queue)
    world.queue.regroup(second, frozenset({SessionNo(1)}))
    world.queue.regroup(second, group.avoid)
    assert take_all(world, group) == places


def test_a_new_head_was_refused_by_nobody(cluster: Cluster, pattern: Execution) -> None:
    """Whoever comes before a head that every agent refused is offered to all of them; who comes behind it isn't."""
    world = cluster.world
    group = enter(world, pattern, [Place(5, 0, 0), Place(7, 0, 0)])
    group.blocked = True
    enter(world, pattern, [Place(9, 0, 0), Place(6, 0, 0)])
    assert group.blocked
    enter(world, pattern, [Place(4, 0, 0)])
    assert not group.blocked


class Counted(Place):
    """A place that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        Counted.compared += 1
        return super().__lt__(other)

    __hash__ = Place.__hash__


def test_in_order_each_costs_the_same_however_many_wait(cluster: Cluster, pattern: Execution) -> None:
    """Nodes that come in the order of their places, as those of a sweep do, aren't sorted: a thousand are queued and
    taken with a few comparisons each.
    """
    Counted.compared = 0
    group = enter(cluster.world, pattern, [Counted(1, child, 0) for child in range(1000)])
    assert len(take_all(cluster.world, group)) == 1000
    assert Counted.compared <= 8 * 1000
