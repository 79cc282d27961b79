"""The agent's values as messages of the contract, and back. Nothing else in the agent knows protobuf, but the session.

Reports are serialised once, by the worker: the same bytes, a number before them, go to the journal and, as often as
need be, to the daemon. Workers use this module too, so it must not import grpc.
"""

from collections.abc import Iterable, Mapping, Sequence

from accio.domain.failures import Failure, clip
from accio.domain.operators import OperatorSpec
from accio.domain.resources import Resources
from accio.v1 import agents_pb2, runs_pb2, values_pb2
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


def result_report(
    *,
    attempt: int,
    outputs: Mapping[str, str] | None,
    failure: Failure | None,
    large: Iterable[tuple[str, str, int]],
    contents: Iterable[tuple[str, int]],
    wall_us: int,
    user_us: int,
    system_us: int,
    peak_memory: int,
    bytes_in: int,
    bytes_out: int,
    metrics_json: str,
    started_ms: int,
) -> bytes:
    """What a worker says of an attempt: a serialised Report that lacks its number and the size of the log."""
    message = agents_pb2.Report(
        attempt=attempt,
        success=failure is None,
        metrics=runs_pb2.Metrics(
            wall_us=wall_us,
            user_cpu_us=user_us,
            system_cpu_us=system_us,
            peak_memory=peak_memory,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            custom_json=metrics_json,
        ),
        started_at_ms=started_ms,
        ended_at_ms=started_ms + wall_us // 1000,
    )
    if outputs:
        kept = message.outputs  # filled one by one: given to the constructor they would cost four times as much
        for port, text in outputs.items():
            kept[port] = text
    if failure is not None:
        message.failure.CopyFrom(failure_message(failure))
    for port, digest, size in large:
        message.large_outputs.add(port=port, digest=digest, size=size)
    for digest, size in contents:
        message.contents.add(digest=digest, bytes=size)
    return message.SerializeToString()


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


def assignments(serialised: bytes) -> Sequence[agents_pb2.Assignment]:
    """The assignments of a serialised Work."""
    return agents_pb2.Work.FromString(serialised).assignments


def failure_message(found: Failure) -> runs_pb2.Failure:
    return runs_pb2.Failure(
        cause=found.cause.value,
        message=found.message,
        exit_code=found.exit_code or 0,
        signal=found.signal or 0,
        exception=found.exception,
        traceback=found.traceback,
        stdout_tail=found.stdout_tail,
        stderr_tail=found.stderr_tail,
        predecessor=found.predecessor,
    )


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


def resources(found: Resources) -> values_pb2.Resources:
    return values_pb2.Resources(
        milli_cpus=found.milli_cpus,
        memory=found.memory,
        disk=found.disk,
        gpus=found.gpus,
        custom=dict(found.custom),
    )


def operator(spec: OperatorSpec) -> values_pb2.Operator:
    return values_pb2.Operator(
        name=spec.name,
        digest=spec.digest or "",
        uncacheable=spec.uncacheable or "",
        category=spec.category,
        help=spec.help,
        unstable=spec.unstable,
        deprecated=spec.deprecated or "",
        inputs=[
            values_pb2.InputPort(
                name=port.name, type=str(port.type), default_json=port.default, optional=port.optional, help=port.help
            )
            for port in spec.inputs
        ],
        outputs=[values_pb2.OutputPort(name=port.name, type=str(port.type), help=port.help) for port in spec.outputs],
        resources=resources(spec.resources),
        timeout_ms=spec.timeout_ms or 0,
        retries=spec.retries,
        retry_backoff_ms=spec.retry_backoff_ms,
        isolated=spec.isolated,
        components=dict(spec.components),
        distribution=spec.distribution,
    )


def held(attempts: Iterable[tuple[int, Holding]]) -> list[agents_pb2.HeldAttempt]:
    return [agents_pb2.HeldAttempt(attempt=no, state=_HELD[state]) for no, state in attempts]
