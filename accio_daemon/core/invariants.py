"""What must hold after every decision. Tests and the simulator check it; it walks everything and is not for
production.
"""

from collections import Counter

from accio.domain.states import NODE_TERMINAL, NodeState
from accio_daemon.core.ledger import Account
from accio_daemon.core.records import Agent
from accio_daemon.core.world import World


class InvariantBroken(AssertionError):
    """The World contradicts itself: a bug."""


def check_invariants(world: World) -> None:
    """Raise InvariantBroken if anything contradicts anything else."""
    for agent in world.agents.values():
        _check_agent(world, agent)
    _check_attempts(world)
    _check_runs(world)
    queued = list(world.queue)
    _require(len(queued) == world.queue.count, f"{world.queue} counts {world.queue.count}, holds {len(queued)}")
    for execution in queued:
        _require(execution.agent is None, f"{execution} is queued and dispatched")
        _require(bool(execution.subscribers), f"{execution} is queued for nobody")


def _check_agent(world: World, agent: Agent) -> None:
    expected = Account.of(agent.resources)
    running: Counter[int] = Counter()
    for execution in agent.attempts.values():
        _require(execution.agent is agent, f"{execution} isn't on {agent}")
        if not execution.prefetched:
            running[execution.node_class.id] += 1
            expected.reserve(execution.node_class.resources)
    _require(
        expected.used() == agent.account.used(), f"{agent}: ledger {agent.account.used()}, nodes {expected.used()}"
    )
    _require(+running == +Counter(agent.running), f"{agent}: counts {agent.running}, runs {dict(running)}")
    ahead = [execution for line in agent.prefetched.values() for execution in line]
    _require(all(e.prefetched and e.agent is agent for e in ahead), f"{agent} has strangers sent ahead")
    _require(len(ahead) + sum(running.values()) == len(agent.attempts), f"{agent} lost count of what was sent ahead")
    if agent.session is not None:
        _require(world.sessions.get(agent.session) is agent, f"{agent}'s session is unknown")


def _check_attempts(world: World) -> None:
    for attempt, execution in world.by_attempt.items():
        _require(execution.attempt == attempt, f"{execution} is found as attempt {attempt}")
        _require(execution.agent is not None, f"{execution} has an attempt and no agent")
        _require(bool(execution.subscribers) or execution.stopping, f"{execution} runs for nobody")
    total = sum(len(agent.attempts) for agent in world.agents.values())
    _require(total == len(world.by_attempt), f"{total} attempts on agents, {len(world.by_attempt)} known")


def _check_runs(world: World) -> None:
    for run in world.runs.values():
        begun = sum(1 for instance in run.open.values() if instance.started_ms is not None)
        _require(run.running == begun, f"{run} counts {run.running} running, {begun} have begun")
        for instance in run.open.values():
            left = sum(1 for state in instance.states if state not in NODE_TERMINAL)
            _require(left == instance.remaining, f"{instance} counts {instance.remaining} nodes left")
            _require(left > 0, f"{instance} is open and has ended")
            for no, state in enumerate(instance.states):
                execution = instance.executions[no]
                if execution is not None:
                    _require((instance, no) in execution.subscribers, f"{execution} doesn't know {instance}")
                    _require(state in (NodeState.QUEUED, NodeState.RUNNING), f"{instance} node {no} is {state}")
                if state is NodeState.RUNNING:
                    _require(execution is not None, f"{instance} node {no} runs nowhere")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvariantBroken(message)
