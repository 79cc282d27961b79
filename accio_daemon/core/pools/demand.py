"""What the queue holds that hosts could be asked for: by class, in the order in which it will be placed."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from accio.domain.states import NodeState
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner, Room
from accio_daemon.core.plan import NodePlan, distinct_at_most
from accio_daemon.core.pools.records import Pool
from accio_daemon.core.records import Run
from accio_daemon.core.terms import CacheMode
from accio_daemon.core.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Nodes of one class that wait, of one owner where some agents take only those of some. Times in seconds."""

    node_class: NodeClass
    operator: str
    count: int
    mean: float | None  # how long one takes; None if nobody knows
    need: float  # how long a host should last for one, as far as any does; 0 if nobody knows
    owner: Owner | None = None  # None where it doesn't matter whose they are


def demands(world: World) -> list[Demand]:
    """Return what waits, first come first: the queue, the roots of children that haven't been opened, and nodes whose
    input only an agent can tell the content of. What caps keep from beginning now isn't among it.
    """
    room = Room()
    by_owner = any(agent.owners for agent in world.sessions.values())
    by_owner = by_owner or any(pool.spec.owners for pool in world.pools.values())
    waiting: dict[tuple[NodeClass, Owner | None], int] = {}
    for owner, node_class, most in _waiting(world):
        kind = (node_class, owner if by_owner else None)
        waiting[kind] = waiting.get(kind, 0) + room.take(owner, node_class.resources, most)
    return [_demand(world, node_class, owner, count) for (node_class, owner), count in waiting.items() if count]


def _waiting(world: World) -> Iterator[tuple[Owner, NodeClass, int]]:
    """Yield whose nodes of which class wait, and how many at most."""
    for _, group in sorted(world.queue.heads(), key=lambda entry: (entry[1].nice, entry[0])):
        yield group.owner, group.node_class, group.count
    for run in sorted(world.unopened, key=lambda run: run.nice):
        for no in run.plan.roots:
            yield run.owner, run.plan.nodes[no].node_class, _unopened(run, run.plan.nodes[no])
    for run, node, unread in _unread(world):
        yield run.owner, node.node_class, unread


def _unopened(run: Run, root: NodePlan) -> int:
    """Return how many further executions the unopened children of a run may need of a root; equal ones are shared."""
    left = run.unopened
    if run.cache is CacheMode.NONE:
        return left
    return min(left, distinct_at_most(run.sweep, root))


def _unread(world: World) -> Iterator[tuple[Run, NodePlan, int]]:
    """Yield nodes that wait for an agent to read a dataset that isn't in the store, and how many executions they need
    at most.
    """
    for run in sorted(world.undigested, key=lambda run: run.no):
        waiting = {
            (instance.index, no)
            for digesting in run.digesting.values()
            if digesting.request is None
            for instance, no in digesting.waiting
            if instance.states[no] is NodeState.QUEUED
        }
        for no, count in Counter(no for _, no in waiting).items():
            node = run.plan.nodes[no]
            yield run, node, count if run.cache is CacheMode.NONE else min(count, distinct_at_most(run.sweep, node))


def offers(world: World, pool: Pool, operator_no: int) -> bool:
    """Return whether hosts of a pool offer an operator version, as far as is known."""
    if not pool.spec.takes(world.specs[operator_no].name):
        return False
    return pool.operators is None or operator_no in pool.operators


def lasts(pool: Pool) -> float:
    """Return how long nodes have on a host of a pool."""
    return math.inf if pool.spec.lasts is None else pool.spec.lasts


def need_of(world: World, class_id: int, operator_no: int) -> float:
    """Return how long a host of a pool should last for a node; 0 if nobody knows."""
    need = world.needs.get(class_id)
    if need is None:
        return 0.0
    pools = (pool for pool in world.pools.values() if offers(world, pool, operator_no))
    return need.within(max((lasts(pool) for pool in pools), default=math.inf))


def _demand(world: World, node_class: NodeClass, owner: Owner | None, count: int) -> Demand:
    return Demand(
        node_class=node_class,
        operator=world.specs[node_class.operator_no].name,
        count=count,
        mean=world.durations.get(node_class.id),
        need=need_of(world, node_class.id, node_class.operator_no),
        owner=owner,
    )
