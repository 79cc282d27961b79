"""Why a node waits: a pure reading of the World, as advice for people. What is committed is in the database, not
here.
"""

from collections.abc import Iterable
from itertools import islice

from accio.domain.children import OWN
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.domain.retry_demand import waits_by_force
from accio.domain.states import NodeState
from accio.late import dataclass
from accio_daemon.core.agent_windows import begins_before, is_on, kept_by
from accio_daemon.core.externals import lacked
from accio_daemon.core.node_queue import Group
from accio_daemon.core.owners import Owner
from accio_daemon.core.pools.planning import hosts_for
from accio_daemon.core.readings.offers import left_out, others_offer, version
from accio_daemon.core.records import Agent, Execution, Instance, Run
from accio_daemon.core.remaining import has_time, needed, spoken, time_left
from accio_daemon.core.restricted_agents import not_for
from accio_daemon.core.terms import Instant, RunNo
from accio_daemon.core.world import World

_LOOKED_AT = 16  # open children whose nodes are looked at: the others have the same nodes


@dataclass(frozen=True, slots=True)
class NodesAway:
    """Running nodes of a run that stay with a lost agent."""

    agent: str
    reason: str  # why it is lost
    nodes: int


def away(world: World, run_no: RunNo, index: int | None) -> list[NodesAway]:
    """Count the running nodes of a run (of its child *index* alone, if given) that stay with lost agents."""
    found = []
    for agent in world.agents.values():
        if agent.lost and agent.attempts:
            nodes = sum(
                instance.run.no == run_no
                and index in (None, instance.index)
                and instance.states[no] is NodeState.RUNNING
                for execution in agent.attempts.values()
                for instance, no in execution.subscribers
            )
            if nodes:
                found.append(NodesAway(agent.name, agent.reason, nodes))
    return sorted(found, key=lambda each: each.agent)


def stuck(world: World, run_no: RunNo, index: int | None) -> str:
    """Return why a queued node of a run (of its child *index* alone, if given) has no place with the agents that are
    there, and never will have; empty if there is none among the first children that are open.
    """
    run = world.runs.get(run_no)
    # Watches ask again and again: kinds of demands are few, and looked at first, nodes only if need be.
    hopeless = {
        (group.node_class.id, group.owner)
        for group in world.queue.groups.values()
        if group.count and not _could_ever_begin(world, group)
    }
    for instance in islice(run.open.values(), _LOOKED_AT) if run is not None and hopeless else ():
        if index not in (None, instance.index):
            continue
        for execution in instance.executions:
            if execution is None or execution.agent is not None:
                continue
            if (execution.node_class.id, execution.payer) not in hopeless:
                continue
            if never := _never(world, execution):
                return f"{execution.node.name} {never if never.startswith('waits ') else f'waits: {never}'}"
    return ""


def _could_ever_begin(world: World, group: Group) -> bool:
    """Return whether a connected agent could execute nodes of a group, if it had nothing else to do."""
    node_class = group.node_class
    return any(
        agent.account.could_ever_fit(node_class.resources) and agent.serves(group.owner)
        for agent in world.offering(node_class.operator_no)
    )


def why_waiting(world: World, run_no: RunNo, index: int, no: int, now: Instant) -> str:
    """Return what a waiting or queued node waits for, or why a running one stays at a lost agent; empty if neither."""
    run = world.runs.get(run_no)
    if run is None or no >= len(run.plan.nodes):
        return ""
    instance = run.open.get(index)
    if instance is None:
        return _not_opened(world, run, index)
    state = instance.states[no]
    if state is NodeState.WAITING:
        names = [
            run.plan.nodes[before].name
            for before in run.plan.nodes[no].predecessors
            if instance.states[before] is not NodeState.SUCCESS
        ]
        return f"waits for {', '.join(names)}"
    execution = instance.executions[no]
    if state is NodeState.RUNNING and execution is not None:
        return _cut_off(execution)
    if state is not NodeState.QUEUED:
        return ""
    if execution is None and no in instance.recomputing:
        return "waits for a predecessor whose stored result was corrupt or gone, and is computed again"
    if execution is None and any(each in run.gathering for each in run.plan.nodes[no].gathers):
        return "what the children gave is being gathered"
    if execution is None:
        texts = [text for text, digesting in run.digesting.items() if (instance, no) in digesting.waiting]
        what = ", ".join(repr(text) for text in texts)
        if not texts:
            return "about to be looked up"
        if all(run.digesting[text].request is None for text in texts):
            node = run.plan.nodes[no]
            others = [agent for agent in world.offering(node.operator_no) if not agent.serves(run.owner)]
            to_read = f"waits for an agent that offers {node.operator.name} to read {what}"
            return f"{to_read}: {not_for(run.owner, others)}" if others else to_read
        return f"waits for the content digest of {what}"
    return _queued(world, instance, no, execution, now)


def shared_with(world: World, run_no: RunNo, index: int, no: int) -> str:
    """Return the node, as RUN/NODE, whose execution a queued or running node shares; empty if it has its own."""
    run = world.runs.get(run_no)
    instance = None if run is None else run.open.get(index)
    execution = None if instance is None or no >= len(instance.executions) else instance.executions[no]
    return "" if instance is None or execution is None else _shared(instance, no, execution)


def _shared(instance: Instance, no: int, execution: Execution) -> str:
    owner, owner_no = execution.first
    return "" if (owner, owner_no) == (instance, no) else f"{owner.run.name_of(owner.index)}/{execution.node.name}"


def _cut_off(execution: Execution) -> str:
    """Say of a running node whose agent is lost why it stays there; empty if its agent is there."""
    agent = execution.agent
    if agent is None or not agent.lost:
        return ""
    name = execution.node.operator.name
    return (
        f"may go on at {agent.name}, which is lost ({agent.reason}): it stays there until {agent.name} is back or "
        f"removed (accio agent remove {agent.name}), or another agent can take it over that offers {name} and has "
        f"{execution.node_class.resources}"
    )


def _not_opened(world: World, run: Run, index: int) -> str:
    if index == OWN:
        counts = run.counts
        left = counts.present - counts.success - counts.failed - counts.killed
        return f"waits for {left} of {counts.present} children to end"
    if run.rounds is not None and not run.rounds.may_begin(index):
        begun = len(run.rounds.members(index // run.rounds.most))
        return f"begins only if the first {begun} repetitions of its point aren't enough: until {run.rounds.until}"
    if index < run.taken.cursor:
        return ""
    if len(run.open) >= world.settings.open_children:
        return f"waits for one of {len(run.open)} open children of {run.id} to end"
    return "waits for its turn: earlier nodes of its operators are queued"


def _queued(world: World, instance: Instance, no: int, execution: Execution, now: Instant) -> str:
    if other := _shared(instance, no, execution):
        return f"shares {other}"
    if execution.agent is not None:
        return f"was sent ahead to {execution.agent.name}, where it begins next"
    if execution in world.backing_off and execution.not_before is not None:
        if execution.refused:
            why = lacked(world, execution).message
            return f"waits for space, and is tried again in {execution.not_before - now.mono:.0f} s: {why}"
        return f"waits {execution.not_before - now.mono:.1f} s more before attempt {execution.number}"
    node_class = execution.node_class
    if not execution.payer.may_begin(node_class.resources):
        return why_queued(world, execution, now)
    hosts = hosts_for(world, node_class.operator_no, node_class.resources, node_class.id, execution.payer)
    return joined(why_queued(world, execution, now), hosts)


def joined(why: str, hosts: str) -> str:
    """Return why something waits together with what pools do about it."""
    return "; ".join(each for each in (why, hosts) if each)


def why_never(
    world: World,
    spec: OperatorSpec,
    operator_no: int,
    demand: Resources,
    owner: Owner | None = None,
    *,
    forced: bool = False,
) -> str:
    """Return why none of the connected agents can ever execute a node of an operator's version (of this *owner*, if
    given), or what it is *forced* to wait for; empty if one can.
    """
    offering = world.offering(operator_no)
    if not offering:
        others = others_offer(world, operator_no)
        if others:
            return f"no connected agent offers version {version(spec)} of {spec.name}, as pinned; {others}"
        lacking = left_out(world)
        return f"no connected agent offers the pinned version of {spec.name}: " + (
            f"start one that does (--operators), or mend what keeps it from being loaded: {lacking}"
            if lacking
            else "start one that does (--operators)"
        )
    able = [agent for agent in offering if agent.account.could_ever_fit(demand)]
    if not able:
        return _too_large(demand, spec.name, offering, forced=forced)
    if owner is not None and not any(agent.serves(owner) for agent in able):
        return not_for(owner, able)
    return ""


def why_queued(world: World, execution: Execution, now: Instant) -> str:
    """Return why a queued execution has no place."""
    node_class = execution.node_class
    offering = world.offering(node_class.operator_no)
    name, demand = execution.node.operator.name, node_class.resources
    if never := _never(world, execution):
        away = (
            agent
            for agent in world.agents.values()
            if agent.session is None and node_class.operator_no in agent.operators
        )
        return joined(never, kept_by(away, now))
    if capped := execution.payer.why_not(demand):
        return capped
    able = [agent for agent in offering if agent.account.could_ever_fit(demand) and agent.serves(execution.payer)]
    held = next((agent for agent in world.holding if agent.waits_for is execution), None)
    if held is not None:
        return f"capacity of {held.name} is held back for it until there is room for {demand}"
    able = [agent for agent in able if agent.session not in execution.avoid]
    if not able:
        lacking = ", ".join(sorted(agent.name for agent in offering if agent.session in execution.avoid))
        return f"waits for an agent that offers {name} and has its inputs ({lacking}: not there)"
    if all(agent.draining for agent in able):
        return f"every agent that offers {name} drains"
    timely = [agent for agent in able if has_time(world, agent, execution, now)]
    if not timely:
        if all(is_on(agent, now) for agent in able):
            return kept_by(able, now)
        need = spoken(needed(world, node_class, execution.payer))
        most = max(able, key=lambda agent: time_left(agent, now))
        if window := begins_before(most, now):
            return f"needs about {need}, and {window}"
        left = spoken(max(0.0, time_left(most, now)))
        return f"needs about {need}, and the hosts that offer {name} end before ({most.name} in {left})"
    busy = ", ".join(sorted(agent.name for agent in timely)[:3])
    return f"waits for room for {demand} on {busy}{_behind(world, execution, now)}"


def _behind(world: World, execution: Execution, now: Instant) -> str:
    """Say what is served before an execution: everything, if it is nice, or owners who have used less.

    Return an empty text where neither is so.
    """
    if execution.nice:
        before = sum(group.count for group in world.queue.groups.values() if not group.nice)
        nodes = f"{before} queued node{'' if before == 1 else 's'}" if before else "any node"
        return f"; its run is nice: {nodes} of runs that aren't {'comes' if before == 1 else 'come'} first"
    rank = world.policy.rank
    mine = rank(execution.payer, now.mono)
    ahead = {
        group.owner: rank(group.owner, now.mono)
        for group in world.queue.groups.values()
        if group.count and not group.nice
    }
    names = [str(owner.person) for owner, least in sorted(ahead.items(), key=lambda each: each[1]) if least < mine]
    if not names:
        return ""
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"; {names[0]}{others} used less lately, and comes first"


def _never(world: World, execution: Execution) -> str:
    """Return why none of the connected agents can ever execute what is queued; empty if one can."""
    node_class, spec = execution.node_class, execution.node.operator
    demand, owner = node_class.resources, execution.payer
    never = why_never(world, spec, node_class.operator_no, demand, owner, forced=node_class.forced)
    latest = world.latest[spec.name][1]
    if world.offering(node_class.operator_no) or not world.offering(latest):
        return never
    run = execution.first[0].run
    go_on = f"accio retry {run.id} -operators=latest"
    return f"{never}; undo the edit, or have the run go on with what was announced last: {go_on}"


def _too_large(demand: Resources, name: str, offering: Iterable[Agent], *, forced: bool) -> str:
    """Say what the largest of the agents has of what a node needs that none of them can ever execute."""
    most = demand.shortage([agent.resources for agent in offering])
    needs = waits_by_force(demand) if forced else f"needs {demand}"
    if not most:
        return f"{needs}: each agent that offers {name} has too little of something"
    return f"{needs}; the largest agent that offers {name} has {most}"
