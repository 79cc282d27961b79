"""What must hold of the World after every decision. It walks everything."""

from collections import Counter

from accio.domain.pools import ALLOCATION_TERMINAL
from accio.domain.states import NODE_TERMINAL, PHASE_FIELDS, PHASE_OPTIONS, NodeState, Phase, RunState
from accio_daemon.core.ledger import Account
from accio_daemon.core.records import Agent, Instance
from accio_daemon.core.world import World

_ACTIVE = (NodeState.QUEUED, NodeState.RUNNING)

# The fields of an execution that belong to phases, with the value that says that one isn't set.
_EMPTY = {
    "agent": None,
    "attempt": None,
    "gpus": (),
    "not_before": None,
    "not_before_ms": None,
    "queued_mono": 0.0,
    "traceless": False,
}


class InvariantBroken(AssertionError):
    """The World contradicts itself: a bug."""


def check_invariants(world: World) -> None:
    """Raise InvariantBroken if anything contradicts anything else."""
    for agent in world.agents.values():
        _check_agent(world, agent)
    _check_attempts(world)
    _check_runs(world)
    queued = list(world.queue)
    _require(len(queued) == world.queue.count, "{} holds {}", world.queue, len(queued))
    for execution in queued:
        _require(bool(execution.subscribers), "{} is queued for nobody", execution)
    _check_phases(world)
    _check_pools(world)


def _check_pools(world: World) -> None:
    for name, pool in world.pools.items():
        _require(pool.spec.name == name, "{} is known as {}", pool, name)
        for number, allocation in pool.live.items():
            known = (allocation.no, allocation.pool) == (number, name) and number <= world.numbers.allocation
            _require(known, "{} is known as {} of {}", allocation, number, name)
            _require(allocation.state not in ALLOCATION_TERMINAL, "{} is over, and live", allocation)


def _check_agent(world: World, agent: Agent) -> None:
    expected = Account.of(agent.resources)
    running: Counter[int] = Counter()
    for execution in agent.attempts.values():
        _require(execution.agent is agent, "{} isn't on {}", execution, agent)
        if execution.has_grant:
            running[execution.node_class.id] += 1
            expected.reserve(execution.node_class.resources)
    used = agent.account.used()
    _require(expected.used() == used, "{}: the ledger says {}, its nodes {}", agent, used, expected)
    _require(+running == +Counter(agent.running), "{} counts {}, runs {}", agent, agent.running, running)
    ahead = [execution for line in agent.prefetched.values() for execution in line]
    _require(all(not e.has_grant and e.agent is agent for e in ahead), "{} has strangers sent ahead: {}", agent, ahead)
    known = len(ahead) + sum(running.values())
    _require(known == len(agent.attempts), "{} lost count of what was sent ahead: {}", agent, ahead)
    if agent.session is not None:
        _require(world.sessions.get(agent.session) is agent, "{}'s session is unknown", agent)


def _check_phases(world: World) -> None:
    """Check that each execution has the fields of its phase and no others, and stands where its phase says."""
    queued = set(world.queue)
    for execution in world.executions.values():
        phase = execution.phase
        found = {name for name, empty in _EMPTY.items() if getattr(execution, name) != empty}
        _require(PHASE_FIELDS[phase] <= found, "{} lacks fields of its phase, having {}", execution, found)
        allowed = PHASE_FIELDS[phase] | PHASE_OPTIONS[phase]
        _require(found <= allowed, "{} has fields of other phases: {}", execution, found - allowed)
        _require((phase is Phase.QUEUED) == (execution in queued), "{} and the queue disagree", execution)
        _require((phase is Phase.BACKING_OFF) == (execution in world.backing_off), "{}: its back-off", execution)
        _require(phase is not Phase.OVER, "{} is still known", execution)
    known = len(world.backing_off & set(world.executions.values()))
    _require(len(world.backing_off) == known, "strangers back off: {}", world.backing_off)


def _check_attempts(world: World) -> None:
    for attempt, execution in world.by_attempt.items():
        _require(execution.attempt == attempt, "{} is found as attempt {}", execution, attempt)
        _require(execution.agent is not None, "{} has an attempt and no agent", execution)
        _require(bool(execution.subscribers) or execution.stopping, "{} runs for nobody", execution)
    at_agents = Counter(execution.payer for execution in world.by_attempt.values())
    for owner in world.owners.known.values():
        _require(owner.nodes == at_agents[owner], "{} has {} at agents", owner, at_agents[owner])
    total = sum(len(agent.attempts) for agent in world.agents.values())
    _require(total == len(world.by_attempt), "{} attempts on agents, {} known", total, len(world.by_attempt))


def _check_runs(world: World) -> None:
    for run in world.runs.values():
        begun = sum(1 for each in run.open.values() if each.started_ms is not None and not each.own)
        _require(run.running == begun, "{} counts {} running, {} have begun", run, run.running, begun)
        for instance in run.open.values():
            _check_instance(instance)
            begun_alone = (instance.state is RunState.RUNNING) == (instance.started_ms is not None)
            _require(begun_alone, "{} is {}, and began at {}", instance, instance.state, instance.started_ms)


def _check_instance(instance: Instance) -> None:
    left = sum(1 for state in instance.states if state not in NODE_TERMINAL)
    _require(left == instance.remaining, "{} counts {} nodes left", instance, instance.remaining)
    _require(left > 0, "{} is open and has ended", instance)
    for no, state in enumerate(instance.states):
        execution = instance.executions[no]
        if execution is not None:
            _require((instance, no) in execution.subscribers, "{} doesn't know {}", execution, instance)
            _require(state in _ACTIVE, "{} has an execution for node {}", instance, no)
        _require(state is not NodeState.RUNNING or execution is not None, "{}: node {} runs nowhere", instance, no)


def _require(holds: bool, message: str, *parts: object) -> None:
    if not holds:
        raise InvariantBroken(message.format(*parts))
