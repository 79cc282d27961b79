"""What time alone changes: leases end, nodes that waited are tried again, reservations and pools are looked at."""

from accio.domain.failures import Failure
from accio.domain.states import Cause, NodeState
from accio_daemon.core import agent_windows, attempts, externals, handing_over, payers, unable_agents
from accio_daemon.core.on_agents import end_session, tell_watchers
from accio_daemon.core.placement import hold_for_starving
from accio_daemon.core.pools import growing
from accio_daemon.core.pools.serving import cannot_serve
from accio_daemon.core.readying import enqueue
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.turn import Turn

# After so long, what was sent ahead evidently waits behind long executions.
_STUCK = 1.0  # seconds


def tick(turn: Turn) -> None:
    """Look at everything that time alone changes: leases, back-offs, reservations, impossible nodes, pools."""
    world = turn.world
    settings = world.settings
    _forgive_pause(turn)
    for agent in world.agents.values():
        if not agent.lost and turn.now.mono - agent.heard_mono > settings.lease:
            _end_lease(turn, agent)
        if agent.lost and agent.attempts:
            handing_over.hand_over(turn, agent)
    for execution in [e for e in world.backing_off if e.not_before is None or e.not_before <= turn.now.mono]:
        if execution.refused:
            unable_agents.look_again(turn, execution)
        enqueue(turn, execution)
    unable_agents.tick(turn)
    if turn.now.mono - world.started_mono > settings.lease:
        _fail_impossible(turn)
    _fail_lacking(turn)
    world.owners.look_at_clock(turn.now.wall_ms)
    payers.look_again(world)
    world.owners.fade(turn.now.mono)
    agent_windows.tick(turn)
    hold_for_starving(turn)
    _recall_stuck(turn)
    if any(agent.ends_mono is not None for agent in world.sessions.values()):
        world.place_all = True  # what is known of how long nodes take has changed, and so has the time that is left
    growing.tick(turn)


def _end_lease(turn: Turn, agent: Agent) -> None:
    silence = turn.now.mono - agent.heard_mono
    reason = f"silent for {silence:.0f} s" if agent.session is not None else agent.reason or "connection lost"
    if agent.session is not None:
        turn.fx.to(agent.session).goodbye = (f"the lease of {turn.world.settings.lease:.0f} s is over: {reason}", True)
        end_session(turn, agent)
    agent.lost, agent.lost_mono = True, turn.now.mono
    agent.reason = reason
    turn.fx.agents[agent.no] = agent
    tell_watchers(turn, agent)


def _forgive_pause(turn: Turn) -> None:
    """Count no pause of the daemon's own as silence of others: their words may be waiting to be read."""
    world = turn.world
    pause, world.ticked_mono = turn.now.mono - world.ticked_mono, turn.now.mono
    if pause > world.settings.suspect:
        for agent in world.agents.values():
            agent.heard_mono = min(turn.now.mono, agent.heard_mono + pause)


def _recall_stuck(turn: Turn) -> None:
    """Recall what was sent ahead of executions that turned out to be long, or where nothing more begins now."""
    for session, agent in turn.world.sessions.items():
        for ahead in agent.prefetched.values():
            all_of_it = agent.waits_for is not None or agent_windows.is_on(agent, turn.now)
            old = [e for e in ahead if all_of_it or turn.now.mono - e.dispatched_mono > _STUCK]
            if old:
                turn.fx.to(session).recalls.extend(e.attempt for e in old if e.attempt is not None)


def _fail_impossible(turn: Turn) -> None:
    world = turn.world
    for _, group in world.queue.heads():
        operator_no = group.node_class.operator_no
        if group.node_class.forced:
            continue
        knowing = [agent for agent in world.agents.values() if operator_no in agent.operators]
        demand = group.node_class.resources
        if not knowing or any(agent.account.could_ever_fit(demand) for agent in knowing):
            continue
        if any(not cannot_serve(world, pool, operator_no, demand, 0.0) for pool in world.pools.values()):
            continue
        while (execution := group.head()) is not None:
            attempts.give_up(turn, execution, NodeState.FAILED, _impossible(execution, knowing))


def _fail_lacking(turn: Turn) -> None:
    """Fail executions whose input every capable agent lacks, now that an agent that might have had it has left."""
    world = turn.world
    for _, group in world.queue.heads():
        while (
            (execution := group.head()) is not None and group.avoid and externals.is_lacked(world, execution, turn.now)
        ):
            if not unable_agents.wait_for_space(turn, execution):
                attempts.give_up(turn, execution, NodeState.FAILED, externals.lacked(world, execution))


def _impossible(execution: Execution, knowing: list[Agent]) -> Failure:
    """Return why no agent can ever run it."""
    demand = execution.node_class.resources
    largest = ", ".join(f"{agent.name} has {agent.resources}" for agent in sorted(knowing, key=lambda a: a.name)[:3])
    return Failure(
        cause=Cause.CANNOT_BE_PLACED,
        message=(
            f"it needs {demand}, which no agent that offers {execution.node.operator.name} can ever give ({largest})"
        ),
    )
