"""Nodes that demand more than their workflow says, since they were retried with more: kept by child and node.

What a node demands is no part of its key: its result is the same. Nodes of other classes don't share an execution, so
that who was given more isn't held back by who wasn't.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil

from accio.domain.problems import ValueProblem
from accio.domain.resources import MAX_AMOUNT
from accio.domain.retry_demand import NodeDemand, difference
from accio.domain.sizes import size
from accio.domain.states import NODE_RETRIABLE, Cause, NodeState
from accio.errors import BadRequest, FailedPrecondition
from accio_daemon.core.commands import RetryRun
from accio_daemon.core.effects import EventRow
from accio_daemon.core.facts import InstanceFacts
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.plan import NodePlan, Plan
from accio_daemon.core.pools.serving import cannot_serve
from accio_daemon.core.records import Execution, Instance, Run
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

RAISED = NODE_RETRIABLE - {NodeState.CANCELLED}
"""States in which a node may have wanted more; who was cancelled never ran."""

MEMORY_RETRIES = 3
"""Further attempts with more memory of an operator that says `retry_memory` alone."""


def class_of(world: World, instance: Instance, node: NodePlan) -> NodeClass:
    """Return the class of a node of a child."""
    own = instance.demands.get(node.no)
    if own is None:
        return node.node_class
    return world.classes.demanding(node.operator_no, own)


def declared(node: NodePlan) -> NodeDemand:
    """Return what a node of a plan demands by itself."""
    return NodeDemand(node.node_class.resources, node.node_class.timeout_ms)


def changes_demands(command: RetryRun) -> bool:
    """Return whether a retry changes what nodes demand."""
    return command.demand is not None or command.forced


def raise_demand(turn: Turn, instance: Instance, no: int, command: RetryRun) -> None:
    """Change what a node that didn't succeed demands from now on; `check` has found that it can."""
    node = instance.run.plan.nodes[no]
    before = instance.demands.get(no, declared(node))
    try:
        after = _wanted(command, before)
    except ValueProblem:
        return  # nothing to multiply, as `check` said if that is so of all nodes
    if after != before:
        instance.demands = {**instance.demands, no: after}
        turn.fx.demands[instance.run.no, instance.index, no] = after


def _wanted(command: RetryRun, before: NodeDemand) -> NodeDemand:
    """Return what a retry makes a node demand instead; ValueProblem if there is nothing to multiply.

    Who changes a demand without forcing it doesn't wait by force any more.
    """
    after = before if command.demand is None else command.demand.apply(before)
    return replace(after, forced=command.forced)


def may_try_again(turn: Turn, execution: Execution, cause: Cause) -> bool:
    """Return whether an execution whose operator failed may be tried again; what its memory was the cause of demands
    more from now on, if its operator says so.

    An operator that says nothing of further attempts but that is tried again for as long as there is more to give.
    """
    retries, memory_ran_out = execution.node.retries, cause is Cause.OUT_OF_MEMORY
    if retries:
        if (again := execution.failures < retries) and memory_ran_out:
            _give_more_memory(turn, execution)
        return again
    return memory_ran_out and execution.failures < MEMORY_RETRIES and _give_more_memory(turn, execution)


def _give_more_memory(turn: Turn, execution: Execution) -> bool:
    """Raise the memory that an execution demands by as much as its operator says: to its limit at most, or to what the
    largest agent or pool has that may execute it. Return whether there was more to give.
    """
    operator, before = execution.node.operator, execution.node_class.resources
    if operator.retry_memory is None or not before.memory:
        return False
    most, whose = _most_memory(turn.world, execution)
    if operator.memory_limit is not None and operator.memory_limit <= most:
        most, whose = operator.memory_limit, "its operator's memory_limit"
    wanted = ceil(before.memory * operator.retry_memory)
    memory = min(most, wanted)
    if memory <= before.memory:
        return False
    demand = NodeDemand(
        replace(before, memory=memory), execution.node_class.timeout_ms, forced=execution.node_class.forced
    )
    execution.node_class = turn.world.classes.demanding(execution.node.operator_no, demand)
    for instance, no in execution.subscribers:
        instance.demands = {**instance.demands, no: demand}
        turn.fx.demands[instance.run.no, instance.index, no] = demand
    run_no, index, no = execution.owner
    detail = f"its memory ran out: its next attempt demands {size(memory)} instead of {size(before.memory)}"
    if memory < wanted:
        detail += f" ({whose})"
    turn.fx.events.append(EventRow(run_no, index, no, None, "demands more", detail, turn.now.wall_ms))
    return True


def _most_memory(world: World, execution: Execution) -> tuple[int, str]:
    """Return the most memory that an execution could ever be given by an agent that is known or a pool, and whose that
    is; what it demands besides has to be there, too.
    """
    operator_no, owner = execution.node.operator_no, execution.payer
    rest = replace(execution.node_class.resources, memory=0)
    found = [
        (agent.resources.memory, f"what {agent.name} has, and none has more")
        for agent in world.agents.values()
        if operator_no in agent.operators and agent.serves(owner) and agent.account.could_ever_fit(rest)
    ]
    found += [
        (pool.shape.memory, f"what a host of the pool {name} has, and none has more")
        for name, pool in world.pools.items()
        if not cannot_serve(world, pool, operator_no, rest, 0.0, owner=owner)
    ]
    return max(found, default=(MAX_AMOUNT, ""))


def check(world: World, run: Run, plan: Plan, command: RetryRun) -> str:
    """Return in words what changes for the nodes that a retry runs again by *plan*; raise if it can't be.

    BadRequest: there is nothing to multiply. FailedPrecondition: no agent could execute a node, unless it is forced.
    """
    if not changes_demands(command):
        return ""
    changes: dict[str, None] = {}
    problem = ""
    found = False
    for node, before in _retried(run, plan, command):
        found = True
        try:
            after = _wanted(command, before)
        except ValueProblem as error:
            problem = problem or f"node {node.name} {error.message}"
            continue
        if after == before:
            continue
        if not command.forced:
            _require_agent(world, node, after)
        amounts_change = replace(after, forced=before.forced) != before
        if words := difference(before, after):
            changes[f"{node.name} {'from ' if amounts_change else ''}{words}"] = None
    if found and not changes and problem and not command.goes_on:
        raise BadRequest(problem)
    return "; ".join(changes)


def _retried(run: Run, plan: Plan, command: RetryRun) -> Iterator[tuple[NodePlan, NodeDemand]]:
    """Yield each node that a retry runs again, with what it demands, those that are equal once."""
    seen: set[tuple[int, NodeDemand]] = set()
    nodes = plan.nodes
    for no, own in (*_of_ended(run, command.ended), *_of_open(run, command.index)):
        before = own or declared(nodes[no])
        if (no, before) not in seen:
            seen.add((no, before))
            yield nodes[no], before


def _of_ended(run: Run, children: Iterable[InstanceFacts]) -> Iterator[tuple[int, NodeDemand | None]]:
    for child in children:
        if child.index not in run.open:
            yield from ((fact.no, child.demands.get(fact.no)) for fact in child.nodes if fact.state in RAISED)


def _of_open(run: Run, index: int | None) -> Iterator[tuple[int, NodeDemand | None]]:
    for instance in run.open.values():
        if run.single or index in (None, instance.index):
            yield from ((no, instance.demands.get(no)) for no, state in enumerate(instance.states) if state in RAISED)


def _require_agent(world: World, node: NodePlan, wanted: NodeDemand) -> None:
    """Refuse what no agent could ever execute, of those that are known to offer the operator, and no host of a pool."""
    knowing = [agent for agent in world.agents.values() if node.operator_no in agent.operators]
    if not knowing or any(agent.account.could_ever_fit(wanted.resources) for agent in knowing):
        return
    pools = world.pools.values()
    if any(not cannot_serve(world, pool, node.operator_no, wanted.resources, 0.0) for pool in pools):
        return
    most = wanted.resources.shortage([agent.resources for agent in knowing]) or "too little of something"
    has = f"{most}, and no pool has such hosts" if pools else most
    raise FailedPrecondition(
        f"node {node.name} would need {wanted.resources}, and the largest agent that offers {node.operator.name} has "
        f"{has}: it could never be executed; start a larger agent first, ask for less, or force it, if one will come"
    )
