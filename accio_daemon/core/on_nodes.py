"""What reports of agents lead to: a result, another attempt, or an end without a result."""

from accio.domain.failures import Failure
from accio.domain.states import ENDED_BY_ITSELF, OPERATOR_FAILURES, PHASES_STOPPING, Cause, NodeState
from accio_daemon.core import attempts, endings, unable_agents
from accio_daemon.core.commands import AgentReports, Report
from accio_daemon.core.demands import may_try_again
from accio_daemon.core.effects import (
    ATTEMPT_FAILED,
    ATTEMPT_KILLED,
    AttemptRow,
    ResultRow,
)
from accio_daemon.core.externals import is_lacked, lacked, note_lacking
from accio_daemon.core.moves import forget_execution
from accio_daemon.core.needs import Need
from accio_daemon.core.outgoing import NodeClass
from accio_daemon.core.recomputing import made_again, produce_again
from accio_daemon.core.records import Agent, Execution, Instance
from accio_daemon.core.terms import Result
from accio_daemon.core.turn import Turn
from accio_daemon.core.world import World

# Weight of the newest execution in a class's mean duration.
_RECENT = 0.2


def reports(turn: Turn, command: AgentReports) -> None:
    """Apply the reports of an agent; each is acknowledged once what it led to is durable."""
    agent = turn.world.sessions.get(command.session)
    if agent is None:
        return  # the session is over: the agent hands the reports over again in its next one
    acks, by_attempt = turn.fx.to(command.session).acks, turn.world.by_attempt
    freed: list[NodeClass] = []
    for report in command.reports:
        acks.append(report.seq)
        execution = by_attempt.get(report.attempt)
        if execution is None or execution.agent is not agent:
            attempts.reported_late(turn, agent, report)
            continue
        _finished(turn, agent, execution, report, freed)
    attempts.pass_on(turn, agent, freed)


def _finished(turn: Turn, agent: Agent, execution: Execution, report: Report, freed: list[NodeClass]) -> None:
    world = turn.world
    stopping = execution.phase in PHASES_STOPPING
    succeeded = report.failure is None and report.outputs is not None and report.known
    ran = succeeded or report.metrics[0] > 0
    attempts.detach(turn, agent, execution, passes_on=True, freed=freed, is_over=succeeded, ran=ran)
    if succeeded or (not stopping and _ended_by_itself(report)):
        _learn_duration(world, execution.node_class.id, report.metrics[0] / 1e6)
    if succeeded:
        _succeeded(turn, agent, execution, report)
        return
    failure = report.failure or Failure(cause=Cause.BAD_OUTPUT, message="the agent's report can be no result")
    state = ATTEMPT_KILLED if stopping else ATTEMPT_FAILED
    times = believed_times(report, execution.dispatched_ms, turn.now.wall_ms)
    row = AttemptRow(report.attempt, execution.id, execution.owner, agent.no, state, failure, *times, report.series)
    attempts.record(turn, execution, row)
    if stopping or not execution.subscribers:
        forget_execution(world, execution)
        turn.fx.executions[execution.id] = None
        return
    lacking = report.absent and note_lacking(world, execution, agent, report.absent, failure.message)
    if report.disk_full:
        lacking = unable_agents.note_refusal(turn, agent, execution, failure.message)
    if report.missing and produce_again(turn, execution, report.missing):
        return
    if lacking:
        if not is_lacked(world, execution, turn.now):
            attempts.requeue(turn, execution)
        elif not unable_agents.wait_for_space(turn, execution, ran=ran):
            attempts.give_up(turn, execution, NodeState.FAILED, lacked(world, execution))
        return
    if failure.cause in OPERATOR_FAILURES and may_try_again(turn, execution, failure.cause):
        attempts.try_again(turn, execution)
        return
    attempts.give_up(turn, execution, NodeState.FAILED, failure)


def believed_times(report: Report, dispatched_ms: int, now_ms: int) -> tuple[int, int]:
    """Return when an attempt began and ended, in epoch milliseconds of the daemon's clock.

    An agent tells both by its own, which may be a year off: then the node would stand at the wrong end of each list and
    timeline, or before it was submitted. So what can't be, as it lies before the dispatch or after the report, is moved
    to where it can, and lasts as long as the agent says. Zero says that there is no such time.
    """
    started, ended = report.started_ms, report.ended_ms
    if dispatched_ms <= started <= ended <= now_ms or not started:
        return started, min(ended, now_ms)
    length = max(0, ended - started)
    started = min(now_ms, max(dispatched_ms, now_ms - length if ended > now_ms else started))
    return started, min(now_ms, started + length)


def _ended_by_itself(report: Report) -> bool:
    """Return whether the time of a failure is the operator's own; zero says that the operator never ran."""
    return report.failure is not None and report.failure.cause in ENDED_BY_ITSELF and report.metrics[0] > 0


def _learn_duration(world: World, class_id: int, seconds: float) -> None:
    """Count how long an operator took, well or badly: the nodes of a short class are sent ahead."""
    before = world.durations.get(class_id)
    world.durations[class_id] = seconds if before is None else before + _RECENT * (seconds - before)
    need = world.needs.get(class_id)
    if need is None:
        need = world.needs[class_id] = Need()
    need.learn(seconds)


def _succeeded(turn: Turn, agent: Agent, execution: Execution, report: Report) -> None:
    world, fx = turn.world, turn.fx
    outputs, key, number = report.outputs or {}, execution.key if execution.store else None, execution.id
    agent.unable_in_a_row = 0
    result = Result(id=number, outputs=outputs, blobs=report.blobs)
    started_ms, ended_ms = believed_times(report, execution.dispatched_ms, turn.now.wall_ms)
    if world.gone:
        made_again(world, result)
    fx.results.append(
        ResultRow(
            number,
            key,
            execution.node.operator_no,
            execution.seed,
            execution.key_inputs,
            outputs,
            report.blobs,
            report.metrics,
            report.attempt,
            agent.no,
            started_ms,
            ended_ms,
            turn.now.wall_ms,
            report.log_bytes,
            execution.owner,
            report.contents,
            report.series,
        )
    )
    size = len(execution.key_inputs)
    for text in outputs.values():
        size += len(text)
    fx.weigh(size)
    if report.contents or execution.contents:
        _note_contents(agent, execution, report)
    fx.executions[number] = None
    joinable = execution.joinable
    is_the_one = joinable is not None and world.joinable.get(joinable) is execution
    forget_execution(world, execution)
    served = list(execution.subscribers)
    if key is not None:
        world.recent.keep(key, result)
        if not is_the_one:  # else there is no equal one
            served += _who_needs_no_execution(turn, execution, key)
    first = True
    for instance, no in served:
        sequence = turn.next_sequence()
        endings.node_succeeded(turn, instance, no, result, cached=not first, sequence=sequence)
        first = False


def _note_contents(agent: Agent, execution: Execution, report: Report) -> None:
    """Note the datasets that an agent has at hand: what its node gave, and what it received."""
    for digest, size in report.contents:
        agent.contents.keep(digest, size)
    for pin in execution.contents.values():
        agent.contents.keep(pin.digest, pin.size)


def _who_needs_no_execution(turn: Turn, execution: Execution, key: bytes) -> list[tuple[Instance, int]]:
    """Remove an equal execution that nobody joined, as this one refreshes the memo; return its nodes."""
    equal = turn.world.joinable.get((key, execution.node_class.id, execution.node.retries))
    if equal is None or equal is execution or equal.agent is not None:
        return []
    forget_execution(turn.world, equal)
    if equal.is_stored:
        turn.fx.executions[equal.id] = None
    nodes, equal.subscribers = list(equal.subscribers), {}
    return nodes
