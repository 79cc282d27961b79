"""What happens to agents: they join, fall silent, drain, leave, come back with what they still hold."""

import orjson
from blake3 import blake3

from accio.domain.failures import Failure
from accio.domain.operators import OperatorSpec
from accio.domain.states import Cause, NodeState
from accio.errors import FailedPrecondition, NotFound
from accio_daemon.core import attempts, externals, handing_over, unable_agents
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
from accio_daemon.core.effects import Effects
from accio_daemon.core.ledger import Account
from accio_daemon.core.outgoing import Welcome
from accio_daemon.core.placement import hold_for_starving
from accio_daemon.core.readying import enqueue, settle
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.terms import AgentNo, AttemptNo, Instant
from accio_daemon.core.world import World

# After so long, what was sent ahead evidently waits behind long executions.
_STUCK = 1.0  # seconds


def joined(world: World, fx: Effects, command: AgentJoined, now: Instant) -> AgentNo:
    """Admit an agent: what it holds and still counts goes on, the rest it drops.

    What it should hold but doesn't is placed anew.
    """
    agent = world.agent_names.get(command.name)
    if agent is None:
        agent = Agent(
            no=AgentNo(world.next_agent), name=command.name, resources=command.resources, operators=frozenset()
        )
        world.next_agent += 1
        agent.heard_mono = now.mono
        world.agents[agent.no] = agent
        world.agent_names[agent.name] = agent
    elif agent.session is not None:
        _refuse_impostor(agent, command, now)
        superseded = agent.session
        fx.to(superseded).goodbye = (f"superseded by incarnation {command.incarnation}", False)
        _end_session(world, fx, agent)
    goes_on = (agent.agent_id, agent.incarnation) == (command.agent_id, command.incarnation)
    if not goes_on:
        unable_agents.try_again(agent)
    known = agent.operators if goes_on else frozenset()
    numbers = tuple(_announce(world, fx, spec, known) for spec in command.operators)
    agent.agent_id = command.agent_id
    agent.incarnation = command.incarnation
    agent.version = command.version
    agent.leaving = command.draining
    agent.prefetch_limit = command.prefetch_limit
    agent.session = command.session
    _note_life(world, agent, now)
    agent.reason = ""
    agent.operators = frozenset(numbers)
    world.sessions[command.session] = agent
    for number in numbers:
        world.offers.setdefault(number, set()).add(agent)
    keep, drop = _reconcile(world, fx, agent, command, now)
    _reopen_account(world, agent, command)
    agent.lost = False
    world.dirty_agents.add(agent)
    world.place_all = True
    fx.agents[agent.no] = agent
    words = fx.to(command.session)
    words.welcome = Welcome(session=command.session, keep=keep, drop=drop, operators=numbers)
    if agent.drained:
        words.drain = True
    return agent.no


def _refuse_impostor(agent: Agent, command: AgentJoined, now: Instant) -> None:
    if agent.agent_id != command.agent_id:
        raise FailedPrecondition(
            f"another agent named {agent.name} is connected; start this one with another --name or state folder"
        )
    if command.incarnation < agent.incarnation:
        raise FailedPrecondition(
            f"agent {agent.name} was started again since (incarnation {agent.incarnation}); "
            f"this one is {command.incarnation}"
        )


def _announce(world: World, fx: Effects, spec: OperatorSpec, known: frozenset[int]) -> int:
    """Number an operator version, and let it be the latest of its name. An agent that only dialled again says nothing
    new of what is *known* of it: else the network would decide which of two versions counts.
    """
    identity = identity_of(spec)
    number = world.operators.get((spec.name, identity))
    if number is None:
        number = world.next_operator
        world.next_operator += 1
        world.operators[(spec.name, identity)] = number
    announced, latest = world.latest.get(spec.name, (0, 0))
    if (latest != number and number not in known) or world.specs.get(number) != spec:
        announced = world.next_sequence(fx)
        world.latest[spec.name] = (announced, number)
        world.specs[number] = spec
        fx.operators.append((number, spec, announced))
    return number


def identity_of(spec: OperatorSpec) -> str:
    """Return what tells two versions of an operator apart: the digest, or for want of one all that was announced."""
    return spec.digest or "announced:" + blake3(orjson.dumps(spec.to_json(), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _reconcile(
    world: World, fx: Effects, agent: Agent, command: AgentJoined, now: Instant
) -> tuple[tuple[AttemptNo, ...], tuple[AttemptNo, ...]]:
    keep: list[AttemptNo] = []
    drop: list[AttemptNo] = []
    for attempt, holding in command.held.items():
        execution = agent.attempts.get(attempt)
        if execution is None:
            if holding is not Holding.FINISHED:
                drop.append(attempt)
        elif holding is Holding.GONE:
            attempts.lost(world, fx, agent, execution, "the agent was restarted under it", now, counts=True)
            drop.append(attempt)
        elif execution.stopping and holding is not Holding.FINISHED:
            attempts.lost(world, fx, agent, execution, "nobody wants it any more", now, counts=False)
            drop.append(attempt)
        else:
            keep.append(attempt)
    for attempt in [attempt for attempt in agent.attempts if attempt not in command.held]:
        attempts.lost(world, fx, agent, agent.attempts[attempt], "it never arrived", now, counts=False)
    return tuple(keep), tuple(drop)


def _reopen_account(world: World, agent: Agent, command: AgentJoined) -> None:
    """Open a new account with the resources that the agent offers now, and reserve what goes on."""
    agent.resources = command.resources
    agent.account = Account.of(command.resources)
    if agent.waits_for is not None:
        agent.waits_for = None  # the next tick chooses anew
        world.holding.discard(agent)
    attempts.agree_on_grants(world, agent, command.held)


def left(world: World, fx: Effects, command: AgentLost, now: Instant) -> None:
    """A session ended. After a goodbye everything returns to the queue at once; otherwise the lease decides."""
    agent = world.sessions.get(command.session)
    if agent is None:
        return
    agent.reason = command.reason
    _end_session(world, fx, agent)
    if command.clean:
        _lose(world, fx, agent, command.reason, now, counts=False)


def _end_session(world: World, fx: Effects, agent: Agent) -> None:
    if agent.session is None:
        return
    world.sessions.pop(agent.session, None)
    fx.ended_sessions.append(agent.session)
    externals.session_ended(world, agent.session)
    agent.session = None
    agent.leaving = False
    agent.stale = frozenset()
    for number in agent.operators:
        world.offers.get(number, set()).discard(agent)
    fx.agents[agent.no] = agent


def _lose(world: World, fx: Effects, agent: Agent, reason: str, now: Instant, *, counts: bool) -> None:
    for execution in list(agent.attempts.values()):
        begun = execution.has_grant
        attempts.lost(world, fx, agent, execution, reason, now, counts=counts and begun)
    agent.lost = True
    agent.reason = reason
    fx.agents[agent.no] = agent


def heard(world: World, command: AgentHeard, now: Instant) -> None:
    """Note a sign of life."""
    agent = world.sessions.get(command.session)
    if agent is not None:
        if now.mono - agent.heard_mono > world.settings.suspect:
            world.dirty_agents.add(agent)
            world.place_all = True
        _note_life(world, agent, now)


def _note_life(world: World, agent: Agent, now: Instant) -> None:
    if now.mono - agent.heard_mono > world.settings.suspect:
        agent.back_mono = now.mono
    agent.heard_mono, agent.heard_ms = now.mono, now.wall_ms


def draining(world: World, fx: Effects, command: AgentDraining) -> None:
    """An agent says that it takes no new work, or takes it again."""
    agent = world.sessions.get(command.session)
    if agent is not None:
        agent.leaving = command.draining
        _drain_changed(world, fx, agent)


def stale(world: World, command: AgentStale) -> None:
    """Note of which operators an agent has other code on disk than it announced."""
    agent = world.sessions.get(command.session)
    if agent is not None:
        agent.stale = frozenset(no for no in agent.operators if world.specs[no].name in command.operators)


def drain(world: World, fx: Effects, command: DrainAgent) -> None:
    """A user wants an agent to drain, or to go on."""
    agent = world.agent_names.get(command.name)
    if agent is None:
        known = ", ".join(sorted(world.agent_names)) or "none"
        raise NotFound(f"there is no agent {command.name!r}; known agents: {known}")
    agent.drained = command.draining
    if not command.draining:
        unable_agents.try_again(agent)
    fx.agents[agent.no] = agent
    _drain_changed(world, fx, agent)
    if agent.session is not None:
        fx.to(agent.session).drain = command.draining


def _drain_changed(world: World, fx: Effects, agent: Agent) -> None:
    if agent.draining:
        recall(fx, agent)
    else:
        world.dirty_agents.add(agent)
        world.place_all = True


def recall(fx: Effects, agent: Agent) -> None:
    """Ask for everything back that was sent ahead."""
    waiting = [e.attempt for ahead in agent.prefetched.values() for e in ahead if e.attempt is not None]
    if waiting and agent.session is not None:
        fx.to(agent.session).recalls.extend(waiting)


def recalled(world: World, fx: Effects, command: AgentRecalled, now: Instant) -> None:
    """Requeue what the agent hadn't begun."""
    agent = world.sessions.get(command.session)
    if agent is None:
        return
    for attempt in command.withdrawn:
        execution = agent.attempts.get(attempt)
        if execution is not None:
            attempts.lost(world, fx, agent, execution, "recalled", now, counts=False)


def remove(world: World, fx: Effects, command: RemoveAgent, now: Instant) -> None:
    """Forget an agent that isn't connected."""
    agent = world.agent_names.get(command.name)
    if agent is None:
        raise NotFound(f"there is no agent {command.name!r}")
    if agent.session is not None:
        raise FailedPrecondition(f"agent {command.name} is connected; stop it first")
    _lose(world, fx, agent, "removed by a user", now, counts=True)
    del world.agent_names[agent.name]
    del world.agents[agent.no]
    fx.agents.pop(agent.no, None)
    fx.removed_agents.append(agent.no)


def tick(world: World, fx: Effects, now: Instant) -> None:
    """Look at everything that time alone changes: leases, back-offs, reservations, nodes that can never be placed."""
    settings = world.settings
    _forgive_pause(world, now)
    for agent in world.agents.values():
        if not agent.lost and now.mono - agent.heard_mono > settings.lease:
            _end_lease(world, fx, agent, now)
        if agent.lost and agent.attempts:
            handing_over.hand_over(world, fx, agent, now)
    for execution in [e for e in world.backing_off if e.not_before is None or e.not_before <= now.mono]:
        enqueue(world, execution, now)
    if now.mono - world.started_mono > settings.lease:
        _fail_impossible(world, fx, now)
    _fail_lacking(world, fx, now)
    hold_for_starving(world, now)
    _recall_stuck(world, fx, now)
    settle(world, fx, now)


def _end_lease(world: World, fx: Effects, agent: Agent, now: Instant) -> None:
    silence = now.mono - agent.heard_mono
    reason = f"silent for {silence:.0f} s" if agent.session is not None else agent.reason or "connection lost"
    if agent.session is not None:
        fx.to(agent.session).goodbye = (f"the lease of {world.settings.lease:.0f} s is over: {reason}", True)
        _end_session(world, fx, agent)
    agent.lost, agent.lost_mono = True, now.mono
    agent.reason = reason
    fx.agents[agent.no] = agent


def _forgive_pause(world: World, now: Instant) -> None:
    """Don't take one's own standing still for the silence of others: their words may be waiting to be read."""
    pause, world.ticked_mono = now.mono - world.ticked_mono, now.mono
    if pause > world.settings.suspect:
        for agent in world.agents.values():
            agent.heard_mono = min(now.mono, agent.heard_mono + pause)


def _recall_stuck(world: World, fx: Effects, now: Instant) -> None:
    """Recall what was sent ahead of executions that turned out to be long, or where capacity is held back."""
    for session, agent in world.sessions.items():
        for ahead in agent.prefetched.values():
            old = [e for e in ahead if now.mono - e.dispatched_mono > _STUCK or agent.waits_for is not None]
            if old:
                fx.to(session).recalls.extend(e.attempt for e in old if e.attempt is not None)


def _fail_impossible(world: World, fx: Effects, now: Instant) -> None:
    for _, group in world.queue.heads():
        operator_no = group.node_class.operator_no
        knowing = [agent for agent in world.agents.values() if operator_no in agent.operators]
        demand = group.node_class.resources
        if not knowing or any(agent.account.could_ever_fit(demand) for agent in knowing):
            continue
        while (execution := group.head()) is not None:
            attempts.give_up(world, fx, execution, NodeState.FAILED, impossible(world, execution, knowing), now)


def _fail_lacking(world: World, fx: Effects, now: Instant) -> None:
    """Fail what waits for an input that all agents lack which could execute it: those that might have had it left."""
    for _, group in world.queue.heads():
        while (execution := group.head()) is not None and group.avoid and externals.is_lacked(world, execution, now):
            attempts.give_up(world, fx, execution, NodeState.FAILED, externals.lacked(world, execution), now)


def impossible(world: World, execution: Execution, knowing: list[Agent]) -> Failure:
    """Return why no agent can ever run it."""
    demand = execution.node_class.resources
    largest = ", ".join(f"{agent.name} has {agent.resources}" for agent in sorted(knowing, key=lambda a: a.name)[:3])
    return Failure(
        cause=Cause.CANNOT_BE_PLACED,
        message=(
            f"it needs {demand}, which no agent that offers {execution.node.operator.name} can ever give ({largest})"
        ),
    )
