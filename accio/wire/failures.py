"""Failures of executions and nodes."""

from accio.domain.failures import Failure, clip
from accio.domain.states import Cause
from accio.v1 import runs_pb2

_CAUSES = {cause.value: cause for cause in Cause}


def failure_of(message: runs_pb2.Failure) -> Failure:
    """Read a failure; a cause that this process doesn't know becomes an exception, and texts are clipped."""
    cause = _CAUSES.get(message.cause)
    text = message.message if cause else f"{message.cause or 'no cause given'}: {message.message}"
    return Failure(
        cause=cause or Cause.EXCEPTION,
        message=clip(text),
        exit_code=message.exit_code if cause is Cause.EXIT_CODE or message.exit_code else None,
        signal=message.signal or None,
        exception=clip(message.exception),
        traceback=clip(message.traceback),
        stdout_tail=clip(message.stdout_tail),
        stderr_tail=clip(message.stderr_tail),
        predecessor=clip(message.predecessor),
    )


def failure_message(failure: Failure) -> runs_pb2.Failure:
    """Write a failure."""
    return runs_pb2.Failure(
        cause=failure.cause.value,
        message=failure.message,
        exit_code=failure.exit_code or 0,
        signal=failure.signal or 0,
        exception=failure.exception,
        traceback=failure.traceback,
        stdout_tail=failure.stdout_tail,
        stderr_tail=failure.stderr_tail,
        predecessor=failure.predecessor,
    )
