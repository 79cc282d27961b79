"""What is left to do, by run and by demand: a pure reading of the World, as advice for people.

A node of a workflow counts once for all children that agree on what reaches it, as they share one execution. What the
memo already holds isn't known before a node is ready, so the counts are upper bounds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from accio.domain.children import OPEN, OWN, total
from accio.domain.resources import NOTHING, Resources
from accio.domain.states import NODE_TERMINAL, NodeState, RunState
from accio.late import dataclass
from accio_daemon.core.agent_windows import is_on
from accio_daemon.core.demands import class_of
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.owners import Owner
from accio_daemon.core.plan import NodePlan, distinct_at_most
from accio_daemon.core.pools.planning import hosts_for
from accio_daemon.core.readings.explain import joined, why_never, why_queued
from accio_daemon.core.records import Agent, Execution, Run
from accio_daemon.core.restricted_agents import served_alone
from accio_daemon.core.terms import CacheMode, Instant, RunNo
from accio_daemon.core.world import World

LOOKED_AT = 20_000
"""Nodes of open children that one reading looks at; of more, it looks at some children and scales."""

_LEAST = 20  # children of a run that are looked at all the same

Demand = tuple[int, Resources]
"""What a node needs: the number of an operator version, and resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is left of one node of a workflow, over all children of a run."""

    no: int
    demand: Demand
    operator: str
    predecessors: tuple[int, ...]
    count: int  # executions, those that run included
    ages: tuple[float, ...]  # of those that run: seconds since they were sent


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLoad:
    """What is left of a run."""

    no: RunNo
    owner: Owner
    nice: bool
    children: int  # that haven't ended
    queued: int  # nodes that wait for a place
    running: int  # executions that have one
    reserved: Resources
    rests: tuple[Rest, ...]

    @property
    def executions(self) -> int:
        """How many executions are left, at most."""
        return sum(rest.count for rest in self.rests)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandLoad:
    """Nodes that need the same, over all runs, and where they can be executed."""

    demand: Demand
    operator: str
    queued: int
    running: int
    left: int
    slots: int  # how many the agents that are there execute at a time, with nothing else to do
    room: Resources  # of these agents
    waits: str  # why the first of those that are queued isn't executed yet
    never: str  # why none of the agents that are there will execute one; empty if one can
    begins_in_s: float = 0.0  # until the first window ends, where all of these agents are in one
    owners: frozenset[str] = frozenset()  # whose nodes alone these agents take, as they say it; empty for everybody's

    def never_for(self, owner: Owner | None) -> str:
        """Return why none of the agents that are there will execute one of somebody's; empty if one can."""
        if self.never or owner is None or not self.owners or not self.owners.isdisjoint(owner.served_as):
            return self.never
        return f"no agent that offers {self.operator} takes nodes of {owner.person}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Everything that is left."""

    runs: tuple[RunLoad, ...]  # in the order in which the queue serves them now
    demands: Mapping[Demand, DemandLoad]
    agents: int  # that may get work
    room: Resources  # of these agents
    reserved: Resources  # on all agents
    levels: Mapping[Owner, float] = field(default_factory=dict)
    """What each owner has used, in core-seconds, where who used least is served first; empty where nobody asks."""
    hits: int = 0  # nodes whose results the memo had, since the daemon started


def demand_of(node_class: NodeClass) -> Demand:
    """Return what the nodes of a class need."""
    return node_class.operator_no, node_class.resources


def rest_of(node: NodePlan, count: int, ages: tuple[float, ...] = (), node_class: NodeClass | None = None) -> Rest:
    """Return what is left of a node of a plan; of children that were retried with other demands, its *class* there."""
    return Rest(
        no=node.no,
        demand=demand_of(node_class or node.node_class),
        operator=node.operator.name,
        predecessors=node.predecessors,
        count=count,
        ages=ages,
    )


def workload(world: World, now: Instant, also: Iterable[Rest] = ()) -> Workload:
    """Read what is left; the demands of *also*, which nobody has submitted, are told of besides."""
    running: dict[RunNo, list[Execution]] = {}
    for execution in world.by_attempt.values():
        if execution.has_grant and execution.subscribers:
            running.setdefault(execution.first[0].run.no, []).append(execution)
    rank = world.policy.rank
    order = sorted(world.runs.values(), key=lambda run: (run.nice, rank(run.owner, now.mono), run.sequence, run.no))
    share = LOOKED_AT // max(1, len(order))
    runs = tuple(_run(world, run, running.get(run.no, ()), now, share) for run in order)
    agents = [agent for agent in world.agents.values() if _may_get_work(agent)]
    names = {rest.demand: rest.operator for rest in also}
    names |= {rest.demand: rest.operator for run in runs for rest in run.rests}
    return Workload(
        runs=runs,
        demands=_demands(world, now, names, runs),
        agents=len(agents),
        room=sum((agent.resources for agent in agents), NOTHING),
        reserved=sum((agent.account.used() for agent in world.agents.values()), NOTHING),
        levels={run.owner: rank(run.owner, now.mono) for run in order} if world.policy.shifts else {},
        hits=world.hits,
    )


def _may_get_work(agent: Agent) -> bool:
    return agent.session is not None and not agent.draining


def _run(world: World, run: Run, executions: Sequence[Execution], now: Instant, look_at: int) -> RunLoad:
    nodes, children = run.plan.nodes, len(run.open) - (OWN in run.open)
    unopened = 0
    if run.rounds is not None and run.closed == OPEN:
        unopened = run.rounds.left
    elif run.closed == OPEN:
        ended = run.success + run.failed + run.killed
        unopened = max(0, run.size - total(run.taken.removed) - ended - children)
    unended, queued = _open_nodes(world, run, look_at)
    ages: dict[tuple[int, NodeClass], list[float]] = {}
    for execution in executions:
        age = max(0.0, now.mono - execution.dispatched_mono)
        ages.setdefault((execution.first[1], execution.node_class), []).append(age)
    for node in nodes:
        if not node.of_parent:
            unended[node.no, node.node_class] += unopened
        elif run.own_state is RunState.SCHEDULED:
            unended[node.no, node.node_class] += 1
    rests: list[Rest] = []
    for no, node_class in sorted({*unended, *ages}, key=lambda each: (each[0], each[1].id)):
        node, running = nodes[no], tuple(ages.get((no, node_class), ()))
        left = unended[no, node_class]
        if (
            run.cache is CacheMode.USE and left and not node.of_parent
        ):  # children that agree on what reaches it share one
            left = -(-left * distinct_at_most(run.sweep, node) // run.size)
        if left or running:
            rests.append(rest_of(node, max(left, len(running)), running, node_class))
    return RunLoad(
        no=run.no,
        owner=run.owner,
        nice=run.nice,
        children=unopened + children,
        queued=queued,
        running=len(executions),
        reserved=sum((execution.node_class.resources for execution in executions), NOTHING),
        rests=tuple(rests),
    )


def _open_nodes(world: World, run: Run, look_at: int) -> tuple[Counter[tuple[int, NodeClass]], int]:
    """Count the nodes of open children that haven't ended, by class, and those that are queued; of many children, by a
    sample.
    """
    children = list(run.open.values())
    nodes = run.plan.nodes
    step = max(1, len(children) // max(_LEAST, look_at // max(1, len(nodes))))
    looked_at = children[::step]
    usual = [0] * len(nodes)  # of the classes that the plan says: nearly all, and so counted without a look at each
    unended: Counter[tuple[int, NodeClass]] = Counter()
    queued = 0
    for instance in looked_at:
        queued += instance.states.count(NodeState.QUEUED)
        for no, state in enumerate(instance.states):
            if state in NODE_TERMINAL:
                continue
            if instance.demands:
                unended[no, class_of(world, instance, nodes[no])] += 1
            else:
                usual[no] += 1
    for node in nodes:
        unended[node.no, node.node_class] += usual[node.no]
    if step > 1:
        scale = len(children) / len(looked_at)
        unended = Counter({key: round(count * scale) for key, count in unended.items()})
        queued = round(queued * scale)
    return unended, queued


def _demands(
    world: World, now: Instant, names: Mapping[Demand, str], runs: Iterable[RunLoad]
) -> dict[Demand, DemandLoad]:
    queued: Counter[Demand] = Counter()
    heads: dict[Demand, Execution] = {}
    for _, _, group in sorted(world.heads(now.mono), key=lambda head: head[:2]):
        demand = demand_of(group.node_class)
        queued[demand] += group.count
        if (head := group.head()) is not None:
            heads.setdefault(demand, head)
    running: Counter[Demand] = Counter()
    left: Counter[Demand] = Counter()
    for rest in (rest for run in runs for rest in run.rests):
        running[rest.demand] += len(rest.ages)
        left[rest.demand] += rest.count
    found: dict[Demand, DemandLoad] = {}
    for demand, name in names.items():
        operator_no, resources = demand
        agents = [agent for agent in world.offering(operator_no) if _may_get_work(agent)]
        agents, begins_in_s = _out_of_windows(agents, resources, now)
        slots = sum(resources.times_in(agent.resources) for agent in agents)
        never = why_never(world, world.specs[operator_no], operator_no, resources)
        if not slots and not never:
            never = f"every agent that offers {name}, and is large enough, drains"
        found[demand] = DemandLoad(
            demand=demand,
            operator=name,
            queued=queued[demand],
            running=running[demand],
            left=left[demand],
            slots=slots,
            room=sum((agent.resources for agent in agents), NOTHING),
            waits=why_queued(world, heads[demand], now) if demand in heads else "",
            never=joined(never, hosts_for(world, operator_no, resources)) if never else "",
            owners=served_alone(agent for agent in agents if resources.times_in(agent.resources)),
            begins_in_s=begins_in_s,
        )
    return found


def _out_of_windows(agents: list[Agent], demand: Resources, now: Instant) -> tuple[list[Agent], float]:
    """Return the agents that aren't in a window, and 0; if all that could execute a demand are, all of them, and the
    seconds until the first of them is out of it.
    """
    able = [agent for agent in agents if demand.times_in(agent.resources)]
    within = [agent.window.ends_ms for agent in able if agent.window is not None and is_on(agent, now)]
    if within and len(within) == len(able):
        return agents, max(0.0, (min(within) - now.wall_ms) / 1000)
    return [agent for agent in agents if not is_on(agent, now)], 0.0
