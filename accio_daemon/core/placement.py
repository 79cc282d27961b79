"""Placing: who in the queue goes to which agent now.

Heads of groups are taken in the order of their owners' ranks (which are all the same where the queue is first come,
first served: core.policies), those that rank alike in the order of their places; a group
whose head fits nowhere now, or whose owner has as much at agents as his cap allows, doesn't block the others. A head
that waited too long gets a reservation: capacity of one agent is held back for it. An agent whose host ends gets only
what it has time for. Nodes are also sent ahead of free capacity (prefetch), so that a worker never waits for a round
trip.

Nice groups rank behind all others and get no reservation, and nothing of them begins at an agent that others wait for:
what becomes free there adds up to the room that those need.
"""

import heapq
from collections.abc import Mapping

from accio.domain.children import CLOSED_BY_KILL
from accio.domain.states import Phase
from accio_daemon.core.attempts import dispatch
from accio_daemon.core.node_queue import NO_AGENTS, Group
from accio_daemon.core.owners import Owner
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.remaining import has_time, is_over, needed, tail_rank, time_left
from accio_daemon.core.terms import Instant, Pin
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

PLACED_AT_ONCE = 256
"""Nodes that one step assigns to free workers: where an agent with room for thousands joins, all that wait for it would
hold up everybody.
"""


def place(turn: Turn, ahead: int | None = None, most: int = PLACED_AT_ONCE) -> bool:
    """Assign what can be assigned now, at *most* that many nodes, and send some ahead; True if more may be sent.

    Sending ahead is tried anew at each call, so the next one goes on where this one stops; and so is assigning, for
    which what has changed is remembered until all of it was looked at.
    """
    world = turn.world
    left = world.queue.count if ahead is None else ahead
    everyone, dirty = _take_changes(world)
    if not world.queue.count or not (everyone or dirty or world.queue.groups):
        return False
    rank, shifts, mono = world.policy.rank, world.policy.shifts, turn.now.mono
    heads = [(least, head, order, group) for order, (least, head, group) in enumerate(world.heads(mono))]
    heapq.heapify(heads)
    due: set[Owner] = set()  # whose next node has waited for the cap long enough: no smaller one passes it any more
    any_nice = any(least[0] for least, *_ in heads)
    kept: set[Agent] = set()  # where something waits for room that isn't nice
    placed = 0
    while heads and placed < most:
        least, head_place, order, group = heads[0]
        if shifts and (ranks := (group.nice, rank(group.owner, mono))) > least:  # something of his was sent since
            heapq.heapreplace(heads, (ranks, head_place, order, group))
            continue
        if group.owner.cap is not None and _is_capped(turn, group, due):
            group.blocked = False  # what was freed since it was refused may fit once the cap allows it
            heapq.heappop(heads)
            continue
        candidates = world.offering(group.node_class.operator_no)
        if group.blocked and not everyone:
            candidates = candidates & (dirty | (group.kept_from - kept) if group.nice else dirty)
        if group.nice:
            candidates = candidates - kept
        if not _place_head(turn, group, candidates):
            group.blocked = True
            if any_nice and not group.nice:
                kept |= _able(turn, group)
            group.kept_from = frozenset(kept) if group.nice else NO_AGENTS
            left -= _prefetch(turn, group, kept, left)
            heapq.heappop(heads)
            continue
        placed += 1
        head = group.head()
        if head is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (least, head.place, order, group))
    if heads:
        world.place_all = world.place_all or everyone
        world.dirty_agents |= dirty
    return (bool(heads) or not left) and world.queue.count > 0


def _take_changes(world: World) -> tuple[bool, set[Agent]]:
    """Return whether anything may fit anywhere now, and else the agents where something may that didn't before."""
    everyone, world.place_all = world.place_all, False
    dirty, world.dirty_agents = world.dirty_agents, set()
    if everyone:
        for group in world.queue.groups.values():  # those that a cap keeps back, too
            group.able = None
    return everyone, dirty


def _is_capped(turn: Turn, group: Group, due: set[Owner]) -> bool:
    """Return whether its owner's cap keeps the head of a group from beginning; note in *due* who mustn't be passed."""
    owner, demand = group.owner, group.node_class.resources
    if owner in due:
        return True
    if owner.may_begin(demand):
        return False
    head = group.head()
    waited = 0.0 if head is None else turn.now.mono - head.queued_mono
    if owner.cap is not None and owner.cap.could_ever_hold(demand) and waited >= turn.world.settings.reserve_after:
        due.add(owner)
    return True


def _wanted_head(world: World, group: Group) -> Execution | None:
    """Return the first execution, unless a kill that takes several decisions is about to reach it.

    Nothing of a run begins after its kill; who stands behind it waits for these few decisions.
    """
    execution = group.head()
    if execution is None or not world.killing:
        return execution
    if any(instance.run.closed != CLOSED_BY_KILL for instance, _ in execution.subscribers):
        return execution
    world.place_all = True
    return None


def _able(turn: Turn, group: Group) -> frozenset[Agent]:
    """Return the agents that the nodes of a group wait for: those that would take one if they did nothing else."""
    execution, demand = group.head(), group.node_class.resources
    if group.able is None and execution is not None:
        group.able = frozenset(
            agent
            for agent in turn.world.offering(group.node_class.operator_no)
            if agent.session not in group.avoid and agent.account.could_ever_fit(demand) and agent.serves(group.owner)
            if has_time(turn.world, agent, execution, turn.now)
        )
    return group.able or NO_AGENTS


def is_usable(world: World, agent: Agent, now: Instant) -> bool:
    """Return whether an agent may get new work now."""
    return (
        agent.session is not None
        and not agent.draining
        and now.mono - agent.heard_mono <= world.settings.suspect
        and not is_over(agent, now)
    )


def _place_head(turn: Turn, group: Group, candidates: set[Agent]) -> bool:
    world = turn.world
    execution = _wanted_head(world, group)
    if execution is None:
        return False
    demand = group.node_class.resources
    best: Agent | None = None
    best_rank: tuple[int, float, float, str] | None = None
    need, longest = _time_wanted(turn, group, candidates)
    contents, now = execution.contents, turn.now
    for agent in candidates:
        # What is held back for one of its class is for the first of them, which may have come back since.
        held_for_it = agent.waits_for is not None and agent.waits_for.node_class is execution.node_class
        if not is_usable(world, agent, now) or not agent.account.fits(demand, ignoring_hold=held_for_it):
            continue
        if agent.session in group.avoid or (agent.owners and not agent.serves(group.owner)):
            continue
        tail = 0.0
        if longest:
            left = time_left(agent, now)
            if left < need:
                continue
            tail = tail_rank(left, need, longest)
        present = _bytes_present(agent, contents) if contents else 0
        rank = (-present, tail, agent.account.load(), agent.name)
        if best_rank is None or rank < best_rank:
            best, best_rank = agent, rank
    if best is None:
        return False
    execution.gpus = best.account.reserve(demand)
    best.running[group.node_class.id] = best.running.get(group.node_class.id, 0) + 1
    if world.holding:
        release_hold(world, execution)
        if best.waits_for is not None and best.waits_for.node_class is execution.node_class:
            release_hold(world, best.waits_for)
    dispatch(turn, execution, best, ahead=False)
    return True


def _time_wanted(turn: Turn, group: Group, candidates: set[Agent]) -> tuple[float, float]:
    """Return the time that a node of a group should have, and the longest that a candidate has left.

    Both are 0, and asked for nothing, where no candidate's time ends.
    """
    for agent in candidates:  # a loop, not all(): a generator costs more than it looks at, for each node
        if agent.ends_mono is not None:
            break
    else:
        return 0.0, 0.0
    longest = max((time_left(agent, turn.now) for agent in candidates if agent.serves(group.owner)), default=0.0)
    return needed(turn.world, group.node_class, group.owner), longest


def _bytes_present(agent: Agent, contents: Mapping[str, Pin]) -> int:
    present = agent.contents
    return sum(present.get(pin.digest, 0) for pin in contents.values())


def _prefetch(turn: Turn, group: Group, kept: set[Agent], most: int) -> int:
    """Send some nodes of a group ahead, nice ones to no agent that is *kept* for others; return how many."""
    world = turn.world
    duration = world.durations.get(group.node_class.id)
    window = world.settings.prefetch_window
    if not most or duration is None or duration > window or group.node_class.resources.gpus:
        return 0
    class_id = group.node_class.id
    room: list[tuple[int, str, Agent]] = []
    for agent in world.offering(group.node_class.operator_no):
        running = agent.running.get(class_id, 0)
        if not running or agent.waits_for is not None or not is_usable(world, agent, turn.now):
            continue
        if agent.session in group.avoid or time_left(agent, turn.now) < max(window, duration):
            continue
        if not agent.serves(group.owner) or (group.nice and agent in kept):
            continue
        depth = min(agent.prefetch_limit, int(window * running / max(duration, 1e-6)))
        free = depth - len(agent.prefetched.get(class_id, ()))
        if free > 0:
            room.append((-free, agent.name, agent))
    heapq.heapify(room)
    sent = 0
    while room and sent < most:
        execution = _wanted_head(world, group)
        if execution is None or not group.owner.may_begin(group.node_class.resources):
            break
        free, name, agent = room[0]
        dispatch(turn, execution, agent, ahead=True)
        sent += 1
        if free == -1:
            heapq.heappop(room)
        else:
            heapq.heapreplace(room, (free + 1, name, agent))
    return sent


def release_hold(world: World, execution: Execution) -> None:
    """Return back the capacity that is held back for an execution."""
    for agent in world.holding:
        if agent.waits_for is execution:
            agent.waits_for = None
            agent.account.held_back = None
            world.holding.discard(agent)
            world.dirty_agents.add(agent)
            return


def hold_for_starving(turn: Turn) -> None:
    """Reserve capacity for the heads that waited too long, in queue order, one per agent."""
    world = turn.world
    idle = [
        agent
        for agent in world.holding
        if agent.waits_for is None
        or agent.waits_for.phase is not Phase.QUEUED
        or not is_usable(world, agent, turn.now)
        or not has_time(world, agent, agent.waits_for, turn.now)
        or not agent.serves(agent.waits_for.payer)
        or not agent.waits_for.payer.may_begin(agent.waits_for.node_class.resources)
        or agent.waits_for.nice
    ]
    for agent in idle:
        agent.waits_for = None
        agent.account.held_back = None
        world.holding.discard(agent)
        world.dirty_agents.add(agent)
    held = {agent.waits_for for agent in world.holding}
    for _, _, group in sorted(world.heads(turn.now.mono), key=lambda entry: entry[:2]):
        execution = group.head()
        if (
            execution is None
            or group.nice
            or execution in held
            or turn.now.mono - execution.queued_mono < world.settings.reserve_after
        ):
            continue
        demand = group.node_class.resources
        if not group.owner.may_begin(demand):
            continue
        fitting = [
            (agent.account.missing(demand), agent.name, agent)
            for agent in world.offering(group.node_class.operator_no)
            if agent.waits_for is None and is_usable(world, agent, turn.now) and agent.account.could_ever_fit(demand)
            if agent.session not in group.avoid and agent.serves(group.owner)
            if has_time(world, agent, execution, turn.now)
        ]
        if fitting:
            agent = min(fitting)[2]
            agent.waits_for = execution
            agent.account.held_back = demand
            world.holding.add(agent)
