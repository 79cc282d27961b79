"""What reports of agents do: success, failure, retry, late reports, and who takes over the freed reservation."""

from accio.domain.failures import Failure
from accio.domain.limits import LONGEST_MS
from accio.domain.states import OPERATOR_FAILURES, Cause, NodeState
from accio_daemon.core import endings
from accio_daemon.core.commands import AgentReports, AttemptNo, Instant, Report, Result
from accio_daemon.core.effects import (
    ATTEMPT_FAILED,
    ATTEMPT_KILLED,
    ATTEMPT_LOST,
    AttemptRow,
    Effects,
    EventRow,
    ResultRow,
)
from accio_daemon.core.externals import is_lacked, lacked, note_lacking
from accio_daemon.core.readying import enqueue
from accio_daemon.core.recomputing import made_again, produce_again
from accio_daemon.core.records import Agent, Execution, Instance
from accio_daemon.core.world import World

# Weight of the newest execution in a class's mean duration.
_RECENT = 0.2


def reports(world: World, fx: Effects, command: AgentReports, now: Instant) -> None:
    """Take the reports of an agent; each is acknowledged once what it led to is durable."""
    agent = world.sessions.get(command.session)
    if agent is None:
        return  # the session is over: the agent hands the reports over again in its next one
    acks = fx.to(command.session).acks
    for report in command.reports:
        acks.append(report.seq)
        execution = world.by_attempt.get(report.attempt)
        if execution is None or execution.agent is not agent:
            world.late_reports += 1
            _note_late(world, fx, agent, report, now)
            continue
        _finished(world, fx, agent, execution, report, now)


def _note_late(world: World, fx: Effects, agent: Agent, report: Report, now: Instant) -> None:
    outcome = "success" if report.failure is None else str(report.failure.cause)
    detail = f"late report of attempt {report.attempt} by {agent.name} ({outcome}): recorded and ignored"
    owner = world.fenced.get(report.attempt)
    if owner is not None:
        run_no, index, node = owner
        fx.events.append(EventRow(run_no, index, node, report.attempt, "late report", detail, now.wall_ms))


def _finished(world: World, fx: Effects, agent: Agent, execution: Execution, report: Report, now: Instant) -> None:
    class_id = execution.node_class.id
    detach(world, agent, execution, passes_on=True, fx=fx, now=now)
    if report.failure is None and report.outputs is not None:
        duration = report.metrics[0] / 1e6
        before = world.durations.get(class_id)
        world.durations[class_id] = duration if before is None else before + _RECENT * (duration - before)
        _succeeded(world, fx, agent, execution, report, now)
        return
    failure = report.failure or Failure(cause=Cause.BAD_OUTPUT, message="the agent's report holds no outputs")
    state = ATTEMPT_KILLED if execution.stopping else ATTEMPT_FAILED
    _keep_attempt(world, fx, agent, execution, report.attempt, state, failure, report.started_ms, report.ended_ms)
    if execution.stopping or not execution.subscribers:
        world.forget_execution(execution)
        fx.executions[execution.id] = None
        return
    lacking = report.absent and note_lacking(world, execution, agent, report.absent, failure.message)
    if report.missing and produce_again(world, fx, execution, report.missing):
        return
    if lacking:
        if is_lacked(world, execution, now):
            fail(world, fx, execution, NodeState.FAILED, lacked(world, execution), now)
        else:
            requeue(world, fx, execution, now)
        return
    if failure.cause in OPERATOR_FAILURES and execution.failures < execution.node.retries:
        _retry(world, fx, execution, now)
        return
    fail(world, fx, execution, NodeState.FAILED, failure, now)


def _succeeded(world: World, fx: Effects, agent: Agent, execution: Execution, report: Report, now: Instant) -> None:
    outputs = report.outputs or {}
    result = Result(id=execution.id, outputs=outputs, blobs=report.blobs)
    made_again(world, result)
    fx.results.append(
        ResultRow(
            execution.id,
            execution.key if execution.store else None,
            execution.node.operator_no,
            execution.seed,
            execution.key_inputs,
            outputs,
            report.blobs,
            report.metrics,
            report.attempt,
            agent.no,
            report.started_ms,
            report.ended_ms,
            now.wall_ms,
            report.log_bytes,
            execution.owner,
            report.contents,
        )
    )
    for digest, size in report.contents:
        agent.has_content(digest, size)
    if execution.contents:
        pins = execution.first[0].run.pins if execution.subscribers else {}
        for text, digest in execution.contents.items():
            if text in pins:
                agent.has_content(digest, pins[text].size)
    fx.executions[execution.id] = None
    world.forget_execution(execution)
    served = list(execution.subscribers)
    if execution.key is not None and execution.store:
        world.remember(execution.key, result)
        served += _who_needs_no_execution(world, fx, execution)
    first = True
    for instance, no in served:
        sequence = world.next_sequence(fx)
        endings.node_succeeded(world, fx, instance, no, result, cached=not first, sequence=sequence, now=now)
        first = False


def _who_needs_no_execution(world: World, fx: Effects, execution: Execution) -> list[tuple[Instance, int]]:
    """Take an equal execution that nobody joined (as this one refreshes the memo) out of the queue; give its nodes."""
    assert execution.key is not None
    equal = world.joinable.get((execution.key, execution.node_class.id, execution.node.retries))
    if equal is None or equal is execution or equal.agent is not None:
        return []
    world.forget_execution(equal)
    if equal.is_stored:
        fx.executions[equal.id] = None
    nodes, equal.subscribers = list(equal.subscribers), {}
    return nodes


def _retry(world: World, fx: Effects, execution: Execution, now: Instant) -> None:
    execution.failures += 1
    if wait_ms := back_off_ms(execution):
        execution.back_off(wait_ms, now)
    requeue(world, fx, execution, now)


def back_off_ms(execution: Execution) -> int:
    """Give how long an execution waits after its latest failure: twice as long after each, to ten years at most."""
    return min(execution.node.retry_backoff_ms << min(execution.failures - 1, 20), LONGEST_MS)


def requeue(world: World, fx: Effects, execution: Execution, now: Instant) -> None:
    """Put an execution that lost its attempt back to its old place."""
    queued_again(execution)
    fx.executions[execution.id] = execution
    enqueue(world, execution, now)


def running_again(execution: Execution) -> None:
    """Let the node that an execution was begun for count as running."""
    if execution.subscribers:
        instance, no = execution.first
        instance.states[no] = NodeState.RUNNING


def queued_again(execution: Execution) -> None:
    """Let nobody count as running by it."""
    for instance, no in execution.subscribers:
        if instance.states[no] is NodeState.RUNNING:
            instance.states[no] = NodeState.QUEUED


def fail(world: World, fx: Effects, execution: Execution, state: NodeState, failure: Failure, now: Instant) -> None:
    """End an execution without a result: everybody who waits for it learns the cause."""
    fx.executions[execution.id] = None
    world.forget_execution(execution)
    subscribers, execution.subscribers = execution.subscribers, {}
    for instance, no in subscribers:
        own = state if instance.states[no] is NodeState.RUNNING else NodeState.FAILED
        if instance.executions[no] is execution:
            instance.executions[no] = None
            endings.node_failed(world, fx, instance, no, own, failure, now=now)


def detach(world: World, agent: Agent, execution: Execution, *, passes_on: bool, fx: Effects, now: Instant) -> None:
    """Take an execution off its agent. Its reservation goes to the oldest one sent ahead there, or is released."""
    class_id = execution.node_class.id
    if execution.attempt is not None:
        agent.attempts.pop(execution.attempt, None)
        world.by_attempt.pop(execution.attempt, None)
    ahead = agent.prefetched.get(class_id)
    if execution.prefetched:
        if ahead:
            ahead.remove(execution)
    elif passes_on and ahead and not agent.lost:
        heir = ahead.popleft()
        heir.prefetched = False
        heir.gpus = execution.gpus
        if heir.attempt is not None and (unsent := fx.ahead.pop(heir.attempt, None)) is not None:
            unsent.reserved = True  # it travels behind the acknowledgement that takes the grant back
        running_again(heir)
    else:
        agent.account.release(execution.node_class.resources, execution.gpus)
        agent.running[class_id] -= 1
        world.dirty_agents.add(agent)
    execution.attempt = None
    execution.agent = None
    execution.prefetched = False
    execution.gpus = ()


def lost(
    world: World, fx: Effects, agent: Agent, execution: Execution, reason: str, now: Instant, *, counts: bool
) -> None:
    """Take back an execution whose agent is gone: it returns to its old place, or is lost for good."""
    attempt, dispatched = execution.attempt, execution.dispatched_ms
    detach(world, agent, execution, passes_on=False, fx=fx, now=now)
    if execution.stopping or not execution.subscribers:
        world.forget_execution(execution)
        fx.executions[execution.id] = None
        return
    if not counts:
        requeue(world, fx, execution, now)
        return
    failure = Failure(cause=Cause.LOST_AGENT, message=f"agent {agent.name} was lost: {reason}")
    if attempt is not None:
        world.fence(attempt, execution.owner)
        _keep_attempt(world, fx, agent, execution, attempt, ATTEMPT_LOST, failure, dispatched, now.wall_ms)
    execution.losses += 1
    if execution.losses > world.settings.max_losses:
        many = Failure(
            cause=Cause.LOST_AGENT,
            message=f"{execution.losses} agents were lost under it, the last one {agent.name}: {reason}",
        )
        fail(world, fx, execution, NodeState.LOST, many, now)
        return
    requeue(world, fx, execution, now)


def _keep_attempt(
    world: World,
    fx: Effects,
    agent: Agent,
    execution: Execution,
    attempt: AttemptNo,
    state: int,
    failure: Failure,
    started_ms: int,
    ended_ms: int,
) -> None:
    if execution.traceless:
        return
    run_no, index, no = execution.owner
    run = world.runs.get(run_no)
    instance = None if run is None else run.open.get(index)
    if instance is not None:
        instance.tried = {**instance.tried, no: instance.tried.get(no, 0) + 1}
    fx.attempts.append(
        AttemptRow(
            attempt,
            execution.id,
            execution.owner,
            agent.no,
            state,
            failure,
            started_ms,
            ended_ms,
        )
    )
