"""How attempts end that have no result: stopped, timed out, their process gone."""

import os
import signal
import time
from dataclasses import replace

import structlog

from accio.domain.failures import Failure, clip
from accio.domain.sizes import size
from accio.domain.states import Cause
from accio.faults import of_operators, signal_name
from accio_agent import clock
from accio_agent.agent.core.outcome import Outcome
from accio_agent.agent.workers.worker_handle import WorkerHandle
from accio_agent.protocol.control import NO_SPACE

log = structlog.get_logger("accio.agent")


def of_death(status: int | None, *, out_of_memory: str) -> Outcome:
    """Return the outcome of the attempt that a worker executed when its process ended; *status* as of waitpid."""
    if out_of_memory:
        failure = Failure(cause=Cause.OUT_OF_MEMORY, message=out_of_memory, signal=signal.SIGKILL)
    elif status is None:
        failure = Failure(cause=Cause.SIGNAL, message="its process was lost with the template that had started it")
    elif os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        failure = Failure(cause=Cause.SIGNAL, message=f"the process was ended by {signal_name(number)}", signal=number)
    else:
        code = os.waitstatus_to_exitcode(status)
        failure = Failure(cause=Cause.EXIT_CODE, message=f"the process ended with exit code {code}", exit_code=code)
    return Outcome(failure=failure)


def of_lost_worker(
    worker: WorkerHandle, attempt: int, started_ns: int, status: int | None, *, doom: Outcome | None, out_of_memory: str
) -> Outcome:
    """Return the outcome of the attempt that a worker executed (0 for none) when its process ended.

    *doom* is what the attempt was stopped for, if it was.
    """
    log_bytes = worker.capture.died(attempt or None)
    if worker.template.failure:
        return not_started(worker.template.failure, disk_full=worker.template.disk_full)
    if doom is None and worker.garbled:
        doom = garbled()
    if doom is None and not attempt and status is not None and os.waitstatus_to_exitcode(status) == NO_SPACE:
        doom = staging("no space is left for a worker to begin with", disk_full=True)
    outcome = doom or of_death(status, out_of_memory=out_of_memory)
    wall_us = max(0, time.monotonic_ns() - started_ns) // 1000 if attempt else 0
    complete(outcome, wall_us=wall_us, log_bytes=log_bytes, tails=worker.capture.tails())
    if doom is None and (attempt or status):
        log.info("worker lost", worker=worker.lane, attempt=attempt, reason=outcome.failure.message)
    return outcome


def not_started(why: str, *, disk_full: bool = False) -> Outcome:
    """Return the outcome of an attempt whose worker couldn't be started; *disk_full* says that space was wanting."""
    cause = Cause.STAGING if disk_full else Cause.EXCEPTION
    failure = Failure(cause=cause, message=clip(f"its operator can't be loaded: {why}"))
    return Outcome(failure=failure, disk_full=disk_full)


def garbled() -> Outcome:
    """Return the outcome of an attempt that wrote into its worker's socket or shared page."""
    message = (
        "its operator wrote into files that it hadn't opened: its worker's own; nothing that came after is believed"
    )
    return Outcome(failure=Failure(cause=Cause.EXCEPTION, message=message))


def timed_out(limit_ms: int) -> Outcome:
    return Outcome(failure=Failure(cause=Cause.TIME_OUT, message=f"it ran longer than its time-out of {limit_ms} ms"))


def too_large(used: int, limit: int) -> Outcome:
    message = f"it used {size(used)} of memory, more than its limit of {size(limit)}"
    return Outcome(failure=Failure(cause=Cause.OUT_OF_MEMORY, message=message))


def staging(
    message: str, *, missing: tuple[str, ...] = (), absent: tuple[str, ...] = (), disk_full: bool = False
) -> Outcome:
    """Return the outcome of an attempt whose inputs couldn't be fetched, or whose outputs couldn't be delivered.

    *missing*: the inputs that the store lacks; their producers are executed again. *absent*: the external inputs that
    aren't here as they were pinned; another agent may have them. *disk_full*: another agent may have the space.
    """
    now = clock.wall_ms()
    text = clip(message.removeprefix("staging: "))
    failure = Failure(cause=Cause.STAGING, message=text)
    return Outcome(failure=failure, started_ms=now, ended_ms=now, missing=missing, absent=absent, disk_full=disk_full)


def complete(outcome: Outcome, *, wall_us: int, log_bytes: int, tails: tuple[str, str]) -> None:
    """Add to the outcome of a dead worker's attempt what is known of its time and its words."""
    outcome.ended_ms = clock.wall_ms()
    outcome.started_ms = outcome.ended_ms - wall_us // 1000
    outcome.wall_us = wall_us
    outcome.log_bytes = log_bytes
    with_tails(outcome, tails)


def with_tails(outcome: Outcome, tails: tuple[str, str]) -> None:
    """Keep the last lines of stdout and stderr with a failure."""
    if any(tails):
        outcome.failure = replace(outcome.failure, stdout_tail=clip(tails[0]), stderr_tail=clip(of_operators(tails[1])))
