"""What becomes of the work of an agent whose lease is over: others take it over, or it stays where it is.

An outage of all agents, or of the only one that can execute a node, is no loss: taking the node back would begin it
anew at the same place, and waste what its agent has done meanwhile. So a node stays with its agent until that agent
comes back (with it, and it goes on, or without), is removed, or another connected agent can execute it. An agent that
was silent at the same time counts as connected only one lease after its return: the first one may follow it back. A
node that has lost as many agents as it may is given up instead, as it may be what ends them. An agent whose host's time
is over won't come back: its nodes have been cut off.
"""

from itertools import islice

from accio_daemon.core import attempts
from accio_daemon.core.agent_windows import forgiven_ms
from accio_daemon.core.cut_offs import cut_off
from accio_daemon.core.owners import Owner
from accio_daemon.core.placement import is_usable
from accio_daemon.core.records import NOBODY, Agent, Execution
from accio_daemon.core.remaining import ended_with_host, host_is_over
from accio_daemon.core.terms import Instant, SessionNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

HANDED_AT_ONCE = 64
"""Nodes of a lost agent that one step looks at: of one that had thousands, all of them would hold up everybody."""


def hand_over(turn: Turn, agent: Agent) -> None:
    """Withdraw from an agent whose lease is over what others can take over, or what nobody wants any more: the first of
    it, and the rest as `go_on` is called.
    """
    handing = turn.world.handing_over
    if agent not in handing:
        handing[agent] = iter(list(agent.attempts.values()))
        _go_on_with(turn, agent, HANDED_AT_ONCE)


def go_on(turn: Turn, most: int = HANDED_AT_ONCE) -> None:
    """Look at *most* more nodes of each agent that is lost, or fewer, unless it has come back."""
    for agent in list(turn.world.handing_over):
        if agent.lost:
            _go_on_with(turn, agent, min(most, HANDED_AT_ONCE))
        else:
            del turn.world.handing_over[agent]


def _go_on_with(turn: Turn, agent: Agent, most: int) -> None:
    handing = turn.world.handing_over
    portion = list(islice(handing[agent], most))
    if len(portion) < most:
        del handing[agent]
    here = [each for each in portion if each.attempt is not None and agent.attempts.get(each.attempt) is each]
    if ended_with_host(turn.world, agent, turn.now):
        for execution in here:
            cut_off(turn, agent, execution)
        return
    forgiven = forgiven_ms(turn.world, agent, turn.now)
    known: dict[tuple[int, frozenset[SessionNo], Owner], bool] = {}
    for execution in here:
        if not execution.stopping:
            kind = (execution.node_class.id, execution.avoid, execution.payer)
            if kind not in known:
                known[kind] = _somebody_is_there(turn.world, agent, execution, turn.now)
            stays = not known[kind] and not host_is_over(agent, turn.now)
            if stays and execution.losses < turn.world.settings.max_losses:
                continue
        attempts.lost(
            turn, agent, execution, agent.reason, counts=execution.has_grant and execution.dispatched_ms > forgiven
        )


def _somebody_is_there(world: World, agent: Agent, execution: Execution, now: Instant) -> bool:
    """Return whether others can take an execution over: they were there when the lease ended, or have been
    for a lease.
    """
    return any(
        other.back_mono < agent.lost_mono or now.mono - other.back_mono > world.settings.lease
        for other in able(world, execution, now)
    )


def able(world: World, execution: Execution, now: Instant) -> list[Agent]:
    """Return the agents that may get work now, and can execute this, busy or not."""
    node_class, avoid = execution.node_class, execution.avoid
    return [
        agent
        for agent in world.offering(node_class.operator_no)
        if is_usable(world, agent, now)
        and agent.serves(execution.payer)
        and agent.account.could_ever_fit(node_class.resources)
        and (avoid is NOBODY or agent.session not in avoid)
    ]
