"""The agent's values as messages of the contract, and back.

Reports are serialised once, by the worker (`accio_agent.protocol.reports`): the same bytes, a number before them, go to
the journal and, as often as need be, to the daemon.
"""

from collections.abc import Iterable, Sequence

from accio.domain.failures import clip
from accio.v1 import agents_pb2, runs_pb2
from accio.wire.failures import failure_message
from accio_agent.agent.core.outcome import Outcome
from accio_agent.agent.core.work import Holding

REPORTS_PER_MESSAGE = 128
BYTES_PER_MESSAGE = 1 << 20

_REPORTS_FIELD = bytes([agents_pb2.AgentMessage.REPORTS_FIELD_NUMBER << 3 | 2])
_REPORT_FIELD = bytes([agents_pb2.Reports.REPORTS_FIELD_NUMBER << 3 | 2])
_SEQ_FIELD = bytes([agents_pb2.Report.SEQ_FIELD_NUMBER << 3])
_LOG_FIELD = bytes([agents_pb2.Report.LOG_BYTES_FIELD_NUMBER << 3])

_HELD = {
    Holding.PENDING: agents_pb2.HeldAttempt.PENDING,
    Holding.RUNNING: agents_pb2.HeldAttempt.RUNNING,
    Holding.FINISHED: agents_pb2.HeldAttempt.FINISHED,
    Holding.GONE: agents_pb2.HeldAttempt.GONE,
}


def report(outcome: Outcome, attempt: int) -> bytes:
    """What the agent itself says of an attempt: a serialised Report that lacks its number."""
    message = agents_pb2.Report(
        attempt=attempt,
        metrics=runs_pb2.Metrics(wall_us=outcome.wall_us),
        started_at_ms=outcome.started_ms,
        ended_at_ms=outcome.ended_ms,
        log_bytes=outcome.log_bytes,
        failure=failure_message(outcome.failure),
        missing=outcome.missing,
        absent=outcome.absent,
    )
    return message.SerializeToString()


def numbered(seq: int, content: bytes) -> bytes:
    """A serialised Report with its number: parts of a serialised message, one after the other, are one message."""
    return _SEQ_FIELD + _varint(seq) + content


def with_log(content: bytes, log_bytes: int) -> bytes:
    """A serialised Report with the size of its log."""
    return content + _LOG_FIELD + _varint(log_bytes)


def with_tails(content: bytes, tails: tuple[str, str]) -> bytes:
    """A serialised Report of a failure with the last lines of stdout and stderr."""
    message = agents_pb2.Report.FromString(content)
    message.failure.stdout_tail, message.failure.stderr_tail = map(clip, tails)
    return message.SerializeToString()


def not_delivered(report: agents_pb2.Report, outcome: Outcome) -> bytes:
    """The serialised report of an attempt that succeeded, but whose inputs or outputs didn't stand up."""
    report.success = False
    for name in ("outputs", "large_outputs", "contents"):
        report.ClearField(name)
    report.failure.CopyFrom(failure_message(outcome.failure))
    return report.SerializeToString()


def reports(serialised: Sequence[bytes]) -> bytes:
    """A serialised AgentMessage that holds these serialised Reports."""
    parts: list[bytes] = []
    for content in serialised:
        parts += (_REPORT_FIELD, _varint(len(content)), content)
    body = b"".join(parts)
    return _REPORTS_FIELD + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def held(attempts: Iterable[tuple[int, Holding]]) -> list[agents_pb2.HeldAttempt]:
    return [agents_pb2.HeldAttempt(attempt=no, state=_HELD[state]) for no, state in attempts]
