"""What must hold after every decision. Tests and the simulator check it; it walks everything and is not for
production.
"""

from collections import Counter

from accio.domain.states import NODE_TERMINAL, NodeState
from accio_daemon.core.ledger import Account
from accio_daemon.core.records import Agent, Instance
from accio_daemon.core.world import World

_ACTIVE = (NodeState.QUEUED, NodeState.RUNNING)


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
        _require(execution.agent is None, "{} is queued and dispatched", execution)
        _require(bool(execution.subscribers), "{} is queued for nobody", execution)


def _check_agent(world: World, agent: Agent) -> None:
    expected = Account.of(agent.resources)
    running: Counter[int] = Counter()
    for execution in agent.attempts.values():
        _require(execution.agent is agent, "{} isn't on {}", execution, agent)
        if not execution.prefetched:
            running[execution.node_class.id] += 1
            expected.reserve(execution.node_class.resources)
    used = agent.account.used()
    _require(expected.used() == used, "{}: the ledger says {}, its nodes {}", agent, used, expected)
    _require(+running == +Counter(agent.running), "{} counts {}, runs {}", agent, agent.running, running)
    ahead = [execution for line in agent.prefetched.values() for execution in line]
    _require(all(e.prefetched and e.agent is agent for e in ahead), "{} has strangers sent ahead: {}", agent, ahead)
    known = len(ahead) + sum(running.values())
    _require(known == len(agent.attempts), "{} lost count of what was sent ahead: {}", agent, ahead)
    if agent.session is not None:
        _require(world.sessions.get(agent.session) is agent, "{}'s session is unknown", agent)


def _check_attempts(world: World) -> None:
    for attempt, execution in world.by_attempt.items():
        _require(execution.attempt == attempt, "{} is found as attempt {}", execution, attempt)
        _require(execution.agent is not None, "{} has an attempt and no agent", execution)
        _require(bool(execution.subscribers) or execution.stopping, "{} runs for nobody", execution)
    total = sum(len(agent.attempts) for agent in world.agents.values())
    _require(total == len(world.by_attempt), "{} attempts on agents, {} known", total, len(world.by_attempt))


def _check_runs(world: World) -> None:
    for run in world.runs.values():
        begun = sum(1 for instance in run.open.values() if instance.started_ms is not None)
        _require(run.running == begun, "{} counts {} running, {} have begun", run, run.running, begun)
        for instance in run.open.values():
            _check_instance(instance)


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
