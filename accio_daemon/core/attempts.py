"""The life of an attempt: dispatched, detached, then back in the queue, lost, given up, or reported too late.

An execution has at most one attempt at a time. Its number is never used twice in one database, so that whatever is said
about an attempt that isn't the current one is recognised (docs/adr/0007). A *grant* is what the ledger reserves for
an attempt: it is passed on to the oldest attempt of its class that was sent ahead to the same agent, or released.
"""

from collections.abc import Iterable, Mapping

from accio.domain.failures import Failure
from accio.domain.limits import LONGEST_MS
from accio.domain.states import PHASES_STOPPING, PHASES_WITH_GRANT, Cause, NodeState, Phase
from accio_daemon.core import accounts, endings, payers
from accio_daemon.core.checkpoints import left_for
from accio_daemon.core.commands import Holding, Report
from accio_daemon.core.effects import ATTEMPT_LOST, AttemptRow, EventRow
from accio_daemon.core.moves import forget_execution, move_execution, move_node
from accio_daemon.core.outgoing import Assignment, NodeClass
from accio_daemon.core.readying import enqueue
from accio_daemon.core.records import Agent, Execution
from accio_daemon.core.terms import AttemptNo
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

# Doublings after which a back-off grows no more.
_DOUBLINGS = 20
LONGEST_FOR_SPACE = 300.0
"""Seconds that a node waits at most before it is tried again that no agent had space for."""


# At hand, as finding a member in its class costs more than comparing it (see moves).
_RUNNING, _QUEUED, _AHEAD, _GRANTED, _OVER, _IDLE = (
    NodeState.RUNNING,
    NodeState.QUEUED,
    Phase.AHEAD,
    Phase.GRANTED,
    Phase.OVER,
    Phase.IDLE,
)


def dispatch(turn: Turn, execution: Execution, agent: Agent, *, ahead: bool) -> None:
    """Send a queued execution to an agent: with the grant that `execution.gpus` belongs to, or *ahead* of one."""
    world, fx, mono, node_class = turn.world, turn.fx, turn.now.mono, execution.node_class
    attempt = world.numbers.next_attempt()
    execution.attempt = attempt
    execution.agent = agent
    execution.dispatched_ms = turn.now.wall_ms
    execution.dispatched_mono = execution.granted_mono = mono
    agent.attempts[attempt] = execution
    world.by_attempt[attempt] = execution
    execution.payer.take(node_class.resources, mono)
    instance, no = next(iter(execution.subscribers))
    if ahead:
        move_execution(world, execution, _AHEAD)
        agent.prefetched[execution.node_class.id][execution] = None
    else:
        move_execution(world, execution, _GRANTED)
        move_node(instance, no, _RUNNING)
    for subscribed, _ in execution.subscribers:
        if subscribed.started_ms is None:
            endings.begin_instance(turn, subscribed)
    fx.executions[execution.id] = execution
    assert agent.session is not None, "only connected agents get work"
    assignment = Assignment(  # by place, as in the hot path names cost half as much again
        attempt,
        node_class,
        execution.inputs,
        execution.seed,
        not ahead,
        f"{instance.run.name_of(instance.index)}/{execution.node.name}",
        execution.number_for(instance, no) if execution.losses or execution.failures or instance.tried else 1,
        execution.contents,
        execution.blobs,
        execution.gpus,
        left_for(execution) if instance.checkpoints else None,
    )
    fx.to(agent.session).work.append(assignment)
    if ahead:
        fx.ahead[attempt] = assignment


def detach(
    turn: Turn,
    agent: Agent,
    execution: Execution,
    *,
    passes_on: bool,
    freed: list[NodeClass] | None = None,
    is_over: bool = False,
    ran: bool = False,
) -> None:
    """Detach an execution from its agent; it *is over* if it succeeded, or was stopping, and *ran* if its operator did.

    Its grant goes to the oldest one sent ahead there, or is released; or it is noted in *freed*, for `pass_on`.
    """
    world = turn.world
    class_id = execution.node_class.id
    if (attempt := execution.attempt) is not None:
        agent.attempts.pop(attempt, None)
        world.by_attempt.pop(attempt, None)
    phase = execution.phase
    if phase in PHASES_WITH_GRANT:
        accounts.charge(turn, agent, execution, with_grant=True)
        if freed is not None and not execution.gpus:  # which GPUs who gets depends on what ends before what
            freed.append(execution.node_class)
        else:
            _pass_on(turn, agent, execution.node_class, execution.gpus, passes_on=passes_on)
    else:
        if ran:  # its agent granted it itself
            accounts.charge(turn, agent, execution, with_grant=False)
        else:
            execution.payer.give_back(execution.node_class.resources, execution.granted_mono, 0.0)
        if ahead := agent.prefetched.get(class_id):
            del ahead[execution]
    move_execution(world, execution, _OVER if is_over or phase in PHASES_STOPPING else _IDLE)
    execution.attempt = None
    execution.agent = None
    execution.gpus = ()


def pass_on(turn: Turn, agent: Agent, freed: Iterable[NodeClass]) -> None:
    """Pass the grants of what has ended at an agent on to the oldest ones sent ahead there, or release them.

    Done once for many reports: most of those that were sent ahead have ended by then, and never need a grant.
    """
    for node_class in freed:
        _pass_on(turn, agent, node_class, (), passes_on=True)


def _pass_on(turn: Turn, agent: Agent, node_class: NodeClass, gpus: tuple[int, ...], *, passes_on: bool) -> None:
    ahead = agent.prefetched.get(node_class.id)
    if passes_on and ahead and not agent.lost:
        heir = next(iter(ahead))
        del ahead[heir]
        _inherit(turn, heir, gpus)
    else:
        agent.account.release(node_class.resources, gpus)
        agent.running[node_class.id] -= 1
        turn.world.dirty_agents.add(agent)


def _inherit(turn: Turn, heir: Execution, gpus: tuple[int, ...]) -> None:
    mono, unsent = turn.now.mono, turn.fx.ahead
    _grant(turn.world, heir)
    heir.payer.begins_later(heir.node_class.resources, heir.granted_mono, mono)
    heir.granted_mono = mono
    heir.gpus = gpus
    if unsent and heir.attempt is not None and (assignment := unsent.pop(heir.attempt, None)) is not None:
        assignment.reserved = True  # it travels behind the acknowledgement that takes the grant back
    show_running(heir)


def _grant(world: World, execution: Execution) -> None:
    if execution.phase is _AHEAD:
        move_execution(world, execution, _GRANTED)
    elif execution.phase is Phase.STOPPING_AHEAD:
        move_execution(world, execution, Phase.STOPPING)


def _take_grant(world: World, execution: Execution) -> None:
    if execution.phase is _GRANTED:
        move_execution(world, execution, _AHEAD)
    elif execution.phase is Phase.STOPPING:
        move_execution(world, execution, Phase.STOPPING_AHEAD)


def agree_on_grants(world: World, agent: Agent, held: Mapping[AttemptNo, Holding]) -> None:
    """Grant anew what goes on at an agent that came back with an empty account: who runs has a grant, nobody else.

    What waits for one mustn't be taken for running, and what has ended neither, as nobody would ever pass a grant on by
    it.
    """
    agent.running = {}
    agent.prefetched.clear()
    for attempt, execution in sorted(agent.attempts.items()):
        holding = held[attempt]
        if holding is Holding.RUNNING and agent.account.take(execution.node_class.resources, execution.gpus):
            _grant(world, execution)
            class_id = execution.node_class.id
            agent.running[class_id] = agent.running.get(class_id, 0) + 1
            show_running(execution)
            continue
        _take_grant(world, execution)  # or it offers less than before: what runs goes on, beyond what is reserved
        agent.prefetched[execution.node_class.id][execution] = None
        if holding is Holding.PENDING:
            show_queued(execution)


def show_running(execution: Execution) -> None:
    """Count the node that an execution was begun for as running."""
    if execution.subscribers:
        instance, no = next(iter(execution.subscribers))
        if instance.states[no] is not _RUNNING:
            move_node(instance, no, _RUNNING)


def show_queued(execution: Execution) -> None:
    """Count no node as running by an execution."""
    for instance, no in execution.subscribers:
        if instance.states[no] is _RUNNING:
            move_node(instance, no, _QUEUED)


def requeue(turn: Turn, execution: Execution) -> None:
    """Put an execution that lost its attempt back to its old place."""
    show_queued(execution)
    turn.fx.executions[execution.id] = execution
    payers.choose(turn.world, execution)
    enqueue(turn, execution)


def try_again(turn: Turn, execution: Execution) -> None:
    """Requeue an execution whose operator failed, after its back-off."""
    execution.failures += 1
    if wait_ms := back_off_ms(execution):
        execution.back_off(wait_ms, turn.now)
    requeue(turn, execution)


def back_off_ms(execution: Execution) -> int:
    """Return how long an execution waits after its latest failure: twice as long after each, ten years at most."""
    return min(execution.node.retry_backoff_ms << min(max(execution.failures - 1, 0), _DOUBLINGS), LONGEST_MS)


def give_up(turn: Turn, execution: Execution, state: NodeState, failure: Failure) -> None:
    """End an execution without a result: everybody who waits for it learns the cause."""
    turn.fx.executions[execution.id] = None
    forget_execution(turn.world, execution)
    subscribers, execution.subscribers = execution.subscribers, {}
    for instance, no in subscribers:
        own = state if instance.states[no] is _RUNNING else NodeState.FAILED
        if instance.executions[no] is execution:
            instance.executions[no] = None
            endings.node_failed(turn, instance, no, own, failure, execution.node.operator_no)


def lost(turn: Turn, agent: Agent, execution: Execution, reason: str, *, counts: bool) -> None:
    """Requeue an execution whose agent is gone at its old place, or end it as lost for good."""
    world = turn.world
    attempt, dispatched = execution.attempt, execution.dispatched_ms
    detach(turn, agent, execution, passes_on=False)
    if execution.phase is _OVER or not execution.subscribers:
        forget_execution(world, execution)
        turn.fx.executions[execution.id] = None
        return
    if not counts:
        requeue(turn, execution)
        return
    failure = Failure(cause=Cause.LOST_AGENT, message=f"agent {agent.name} was lost: {reason}")
    if attempt is not None:
        world.fenced.keep(attempt, execution.owner)
        ended_ms = turn.now.wall_ms
        row = AttemptRow(attempt, execution.id, execution.owner, agent.no, ATTEMPT_LOST, failure, dispatched, ended_ms)
        record(turn, execution, row)
    execution.losses += 1
    if execution.losses > world.settings.max_losses:
        many = Failure(
            cause=Cause.LOST_AGENT,
            message=f"{execution.losses} agents were lost under it, the last one {agent.name}: {reason}",
        )
        give_up(turn, execution, NodeState.LOST, many)
        return
    requeue(turn, execution)


def reported_late(turn: Turn, agent: Agent, report: Report) -> None:
    """Record a report of an attempt that isn't the current one of anything, once; it has no effect."""
    turn.world.late_reports += 1
    outcome = "success" if report.failure is None else str(report.failure.cause)
    detail = f"late report of attempt {report.attempt} by {agent.name} ({outcome}): recorded and ignored"
    owner = turn.world.fenced.pop(report.attempt, None)
    if owner is not None:
        run_no, index, node = owner
        turn.fx.events.append(EventRow(run_no, index, node, report.attempt, "late report", detail, turn.now.wall_ms))


def record(turn: Turn, execution: Execution, row: AttemptRow) -> None:
    """Record an attempt of an execution that ended without a result."""
    if execution.traceless:
        return
    row.operator_no = execution.node.operator_no
    run_no, index, no = row.owner
    run = turn.world.runs.get(run_no)
    instance = None if run is None else run.open.get(index)
    if instance is not None:
        instance.tried = {**instance.tried, no: instance.tried.get(no, 0) + 1}
    turn.fx.attempts.append(row)
    if row.failure is not None:
        turn.fx.weigh(row.failure.length)
