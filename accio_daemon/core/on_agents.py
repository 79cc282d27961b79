"""What happens to agents: they join, fall silent, drain, leave, come back with what they still hold."""

import math

import orjson
from blake3 import blake3

from accio.domain.operators import OperatorSpec
from accio.errors import FailedPrecondition, NotFound
from accio_daemon.core import agent_windows, attempts, externals, unable_agents
from accio_daemon.core.commands import (
    AgentDraining,
    AgentHeard,
    AgentJoined,
    AgentLost,
    AgentRecalled,
    AgentStale,
    DrainAgent,
    Holding,
    RemoveAgent,
)
from accio_daemon.core.cut_offs import cut_off
from accio_daemon.core.ledger import Account
from accio_daemon.core.outgoing import Welcome
from accio_daemon.core.pools import on_pools
from accio_daemon.core.pools.limits import allowed
from accio_daemon.core.records import Agent
from accio_daemon.core.terms import AgentNo, AttemptNo, Instant
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World


def joined(turn: Turn, command: AgentJoined) -> AgentNo:
    """Admit an agent: what it holds and still counts goes on, the rest it drops.

    What it should hold but doesn't is placed anew.
    """
    world = turn.world
    on_pools.check_claim(world, command)
    agent = _admitted(turn, command)
    goes_on = (agent.agent_id, agent.incarnation) == (command.agent_id, command.incarnation)
    if not goes_on:
        unable_agents.try_again(turn, agent)
    known = agent.operators if goes_on else frozenset()
    numbers = tuple(_announce(turn, spec, known) for spec in command.operators)
    _take_over(agent, command, turn.now)
    forgiven = agent_windows.forgiven_ms(world, agent, turn.now)
    _note_life(turn, agent)
    agent_windows.apply_to(world, agent, turn.now)
    agent.operators = allowed(world, command.allocation, numbers)
    world.sessions[command.session] = agent
    for number in agent.operators:
        world.offers.setdefault(number, set()).add(agent)
    keep, drop = _reconcile(turn, agent, command, forgiven=forgiven)
    _reopen_account(world, agent, command)
    if agent.lost:
        agent.lost = False
        tell_watchers(turn, agent)
    world.dirty_agents.add(agent)
    world.place_all = True
    turn.fx.agents[agent.no] = agent
    on_pools.agent_joined(turn, agent, command)
    words = turn.fx.to(command.session)
    words.welcome = Welcome(session=command.session, keep=keep, drop=drop, operators=numbers)
    if agent.drained:
        words.drain = True
    return agent.no


def _admitted(turn: Turn, command: AgentJoined) -> Agent:
    """Return the agent of that name: a new one, or the one that is known, whose session ends if it still has one."""
    world = turn.world
    agent = world.agent_names.get(command.name)
    if agent is None:
        agent = Agent(
            no=world.numbers.next_agent(), name=command.name, resources=command.resources, operators=frozenset()
        )
        agent.heard_mono = turn.now.mono
        world.agents[agent.no] = agent
        world.agent_names[agent.name] = agent
    elif agent.session is not None:
        _refuse_impostor(agent, command)
        turn.fx.to(agent.session).goodbye = (f"superseded by incarnation {command.incarnation}", False)
        end_session(turn, agent)
    return agent


def _take_over(agent: Agent, command: AgentJoined, now: Instant) -> None:
    """Record what an agent says of itself, which holds for this session."""
    agent.agent_id = command.agent_id
    agent.incarnation = command.incarnation
    agent.version = command.version
    agent.leaving = command.draining
    agent.host_ends_mono = None if command.ends_in is None else now.mono + command.ends_in
    agent.pool_ends_mono = None
    agent.lasts = math.inf if command.ends_in is None else max(command.lasts, command.ends_in)
    agent.given_back = False
    agent.owners = command.owners
    agent.left_out = command.left_out
    agent.prefetch_limit = command.prefetch_limit
    agent.session = command.session
    agent.reason = ""


def _refuse_impostor(agent: Agent, command: AgentJoined) -> None:
    if agent.agent_id != command.agent_id:
        raise FailedPrecondition(
            f"another agent named {agent.name} is connected; start this one with another --name or state folder"
        )
    if command.incarnation < agent.incarnation:
        raise FailedPrecondition(
            f"agent {agent.name} was started again since (incarnation {agent.incarnation}); "
            f"this one is {command.incarnation}"
        )


def _announce(turn: Turn, spec: OperatorSpec, known: frozenset[int]) -> int:
    """Number an operator version, and let it be the latest of its name. An agent that only dialled again says nothing
    new of what is *known* of it: else the network would decide which of two versions counts.
    """
    world = turn.world
    identity = identity_of(spec)
    number = world.operators.get((spec.name, identity))
    if number is None:
        number = world.numbers.next_operator()
        world.operators[(spec.name, identity)] = number
    announced, latest = world.latest.get(spec.name, (0, 0))
    if (latest != number and number not in known) or world.specs.get(number) != spec:
        announced = turn.next_sequence()
        world.latest[spec.name] = (announced, number)
        world.specs[number] = spec
        turn.fx.operators.append((number, spec, announced))
    return number


def identity_of(spec: OperatorSpec) -> str:
    """Return what tells two versions of an operator apart: the digest, or for want of one all that was announced."""
    return spec.digest or "announced:" + blake3(orjson.dumps(spec.to_json(), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _reconcile(
    turn: Turn, agent: Agent, command: AgentJoined, *, forgiven: int
) -> tuple[tuple[AttemptNo, ...], tuple[AttemptNo, ...]]:
    keep: list[AttemptNo] = []
    drop: list[AttemptNo] = []
    for attempt, holding in command.held.items():
        execution = agent.attempts.get(attempt)
        if execution is None:
            if holding is not Holding.FINISHED or command.unread:
                drop.append(attempt)
        elif holding is Holding.FINISHED and command.unread:
            attempts.lost(turn, agent, execution, command.unread, counts=True)
            drop.append(attempt)
        elif holding is Holding.GONE:
            attempts.lost(
                turn, agent, execution, "the agent was restarted under it", counts=execution.dispatched_ms > forgiven
            )
            drop.append(attempt)
        elif execution.stopping and holding is not Holding.FINISHED:
            attempts.lost(turn, agent, execution, "nobody wants it any more", counts=False)
            drop.append(attempt)
        else:
            keep.append(attempt)
    for attempt in [attempt for attempt in agent.attempts if attempt not in command.held]:
        attempts.lost(turn, agent, agent.attempts[attempt], "it never arrived", counts=False)
    return tuple(keep), tuple(drop)


def _reopen_account(world: World, agent: Agent, command: AgentJoined) -> None:
    """Open a new account with the resources that the agent offers now, and reserve what goes on."""
    agent.resources = command.resources
    agent.account = Account.of(command.resources)
    if agent.waits_for is not None:
        agent.waits_for = None  # the next tick chooses anew
        world.holding.discard(agent)
    attempts.agree_on_grants(world, agent, command.held)


def left(turn: Turn, command: AgentLost) -> None:
    """End a session. After a goodbye everything returns to the queue at once; otherwise the lease decides."""
    agent = turn.world.sessions.get(command.session)
    if agent is None:
        return
    agent.reason = command.reason
    end_session(turn, agent)
    if command.walltime:
        for execution in list(agent.attempts.values()):
            cut_off(turn, agent, execution)
    if command.clean:
        on_pools.agent_left(turn, agent, command.reason)
        _lose(turn, agent, command.reason, counts=False)


def end_session(turn: Turn, agent: Agent) -> None:
    """End the session of an agent, if it has one: what it holds stays its own."""
    world = turn.world
    if agent.session is None:
        return
    world.sessions.pop(agent.session, None)
    turn.fx.ended_sessions.append(agent.session)
    externals.session_ended(world, agent.session)
    agent.session = None
    agent.leaving = False
    agent.stale = frozenset()
    for number in agent.operators:
        world.offers.get(number, set()).discard(agent)
    turn.fx.agents[agent.no] = agent


def _lose(turn: Turn, agent: Agent, reason: str, *, counts: bool) -> None:
    forgiven = agent_windows.forgiven_ms(turn.world, agent, turn.now)
    for execution in list(agent.attempts.values()):
        begun = execution.has_grant
        attempts.lost(turn, agent, execution, reason, counts=counts and begun and execution.dispatched_ms > forgiven)
    agent.lost = True
    agent.reason = reason
    turn.fx.agents[agent.no] = agent


def tell_watchers(turn: Turn, agent: Agent) -> None:
    """Wake who watches what the agent executes: whether it is lost is part of what they are told."""
    for execution in agent.attempts.values():
        for instance, _ in execution.subscribers:
            turn.fx.runs[instance.run.no] = instance.run


def heard(turn: Turn, command: AgentHeard) -> None:
    """Note a sign of life."""
    world = turn.world
    agent = world.sessions.get(command.session)
    if agent is not None:
        if turn.now.mono - agent.heard_mono > world.settings.suspect:
            world.dirty_agents.add(agent)
            world.place_all = True
        _note_life(turn, agent)


def _note_life(turn: Turn, agent: Agent) -> None:
    now = turn.now
    if now.mono - agent.heard_mono > turn.world.settings.suspect:
        agent.back_mono = now.mono
    agent.heard_mono, agent.heard_ms = now.mono, now.wall_ms


def draining(turn: Turn, command: AgentDraining) -> None:
    """Note that an agent takes no new work, or takes it again."""
    agent = turn.world.sessions.get(command.session)
    if agent is not None:
        agent.leaving = command.draining
        _drain_changed(turn, agent)


def stale(world: World, command: AgentStale) -> None:
    """Note of which operators an agent has other code on disk than it announced."""
    agent = world.sessions.get(command.session)
    if agent is not None:
        agent.stale = frozenset(no for no in agent.operators if world.specs[no].name in command.operators)
        agent.loading = command.loading
        agent.cannot_load = command.problem


def drain(turn: Turn, command: DrainAgent) -> None:
    """Drain an agent as a user wants it, or use it again."""
    agent = turn.world.agent_names.get(command.name)
    if agent is None:
        known = ", ".join(sorted(turn.world.agent_names)) or "none"
        raise NotFound(f"there is no agent {command.name!r}; known agents: {known}")
    agent.drained = command.draining
    if not command.draining:
        unable_agents.try_again(turn, agent)
    turn.fx.agents[agent.no] = agent
    _drain_changed(turn, agent)
    if agent.session is not None:
        turn.fx.to(agent.session).drain = command.draining


def _drain_changed(turn: Turn, agent: Agent) -> None:
    if agent.draining:
        recall(turn, agent)
    else:
        turn.world.dirty_agents.add(agent)
        turn.world.place_all = True


def recall(turn: Turn, agent: Agent) -> None:
    """Ask for everything back that was sent ahead."""
    waiting = [e.attempt for ahead in agent.prefetched.values() for e in ahead if e.attempt is not None]
    if waiting and agent.session is not None:
        turn.fx.to(agent.session).recalls.extend(waiting)


def recalled(turn: Turn, command: AgentRecalled) -> None:
    """Requeue what the agent hadn't begun."""
    agent = turn.world.sessions.get(command.session)
    if agent is None:
        return
    for attempt in command.withdrawn:
        execution = agent.attempts.get(attempt)
        if execution is not None:
            attempts.lost(turn, agent, execution, "recalled", counts=False)


def remove(turn: Turn, command: RemoveAgent) -> None:
    """Forget an agent that isn't connected."""
    world = turn.world
    agent = world.agent_names.get(command.name)
    if agent is None:
        raise NotFound(f"there is no agent {command.name!r}")
    if agent.session is not None:
        raise FailedPrecondition(f"agent {command.name} is connected; stop it first")
    _lose(turn, agent, "removed by a user", counts=True)
    del world.agent_names[agent.name]
    del world.agents[agent.no]
    turn.fx.agents.pop(agent.no, None)
    turn.fx.removed_agents.append(agent.no)
