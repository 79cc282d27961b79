"""What agents tell of attempts: the hot path from workers to the daemon's core.

Each node passes through here, so that a few microseconds count: fields are read and written once, nothing is built
that most reports don't have. A report is serialised once, by the worker: the same bytes, a number before them, go to
the agent's journal and, as often as need be, to the daemon. Numbers and lengths have been checked when the daemon reads
a message; what a success gives is checked behind this.
"""

from collections.abc import Iterable, Mapping, Sequence
from sys import intern

from accio.content.digest import is_digest
from accio.domain.attempts import Holding, Metrics, Report
from accio.domain.failures import Failure, clip
from accio.domain.ids import AttemptNo
from accio.domain.quantities import LAST_MS
from accio.domain.series import Series
from accio.errors import BadRequest
from accio.v1 import agents_pb2, runs_pb2
from accio.wire.failures import failure_message, failure_of
from accio.wire.metrics import metrics_of, write_metrics
from accio.wire.series import all_packed_of, series_messages

_NO_SERIES: Mapping[str, Series] = {}
NO_CONTENTS: list[tuple[str, int]] = []
TOO_BIG = 1 << 63
"""Above what the database has for numbers of attempts and reports."""
_REPORTS_FIELD = bytes([agents_pb2.AgentMessage.REPORTS_FIELD_NUMBER << 3 | 2])
_REPORT_FIELD = bytes([agents_pb2.Reports.REPORTS_FIELD_NUMBER << 3 | 2])
_SEQ_FIELD = bytes([agents_pb2.Report.SEQ_FIELD_NUMBER << 3])
_LOG_FIELD = bytes([agents_pb2.Report.LOG_BYTES_FIELD_NUMBER << 3])

_HELD = {holding: agents_pb2.HeldAttempt.State.Value(holding.name) for holding in Holding}
_HOLDINGS: Mapping[int, Holding] = {number: holding for holding, number in _HELD.items()}


def result_report(
    *,
    attempt: int,
    outputs: Mapping[str, str] | None,
    failure: Failure | None,
    large: Iterable[tuple[str, str, int]],
    contents: Iterable[tuple[str, int]],
    metrics: Metrics,
    started_ms: int,
    disk_full: bool = False,
    series: Mapping[str, Series] = _NO_SERIES,
) -> bytes:
    """Write what a worker says of an attempt: a serialised Report that lacks its number and the size of the log."""
    message = agents_pb2.Report()  # filled field by field: a constructor with all of them takes twice as long
    message.attempt = attempt
    message.success = failure is None
    write_metrics(message.metrics, metrics)
    message.started_at_ms = started_ms
    message.ended_at_ms = started_ms + metrics[0] // 1000
    if disk_full:
        message.disk_full = True
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
    if series:
        message.series.extend(series_messages(series))
    return message.SerializeToString()


def numbered(seq: int, content: bytes) -> bytes:
    """Put its number before a serialised Report: parts of a serialised message in a row are one message."""
    return _SEQ_FIELD + _varint(seq) + content


def with_log(content: bytes, log_bytes: int) -> bytes:
    """Add the size of its log to a serialised Report."""
    return content + _LOG_FIELD + _varint(log_bytes)


def with_series(content: bytes, series: Iterable[runs_pb2.Series]) -> bytes:
    """Add what was measured to a serialised Report."""
    return content + agents_pb2.Report(series=series).SerializeToString()


def with_tails(content: bytes, tails: tuple[str, str]) -> bytes:
    """Add the last lines of stdout and stderr to the serialised Report of a failure."""
    message = agents_pb2.Report.FromString(content)
    message.failure.stdout_tail, message.failure.stderr_tail = map(clip, tails)
    return message.SerializeToString()


def together(serialised: Sequence[bytes]) -> bytes:
    """Put serialised Reports into one serialised AgentMessage."""
    parts: list[bytes] = []
    for content in serialised:
        parts += (_REPORT_FIELD, _varint(len(content)), content)
    body = b"".join(parts)
    return _REPORTS_FIELD + _varint(len(body)) + body


def reports_of(message: agents_pb2.Reports) -> list[Report]:
    """Read a group of reports; a malformed digest is a BadRequest."""
    return [_report(report) for report in message.reports]


def _report(report: agents_pb2.Report) -> Report:
    seq, attempt = report.seq, report.attempt
    if attempt >= TOO_BIG or seq >= TOO_BIG:
        raise BadRequest(f"expected 63-bit numbers in a report, found seq {seq}, attempt {attempt}")
    started_ms, ended_ms, contents, series = report.started_at_ms, report.ended_at_ms, report.contents, report.series
    found = Report(
        seq,
        AttemptNo(attempt),
        None,
        None,
        None,
        metrics_of(report.metrics),
        started_ms if started_ms < LAST_MS else LAST_MS,
        ended_ms if ended_ms < LAST_MS else LAST_MS,
        report.log_bytes,
        [(_digest(each.digest), each.bytes) for each in contents] if contents else NO_CONTENTS,
    )
    if series:
        found.series = all_packed_of(series)
    if report.success:
        sent, large = report.outputs, report.large_outputs
        found.outputs = {intern(port): sent[port] for port in sent}  # dict(sent) takes three times as long
        if large:
            found.blobs = {each.port: (_digest(each.digest), each.size) for each in large}
    else:
        _read_failure(report, found)
    return found


def _read_failure(report: agents_pb2.Report, found: Report) -> None:
    """Read why an attempt failed, which a success says nothing of: each list costs as much as three numbers."""
    found.failure = failure_of(report.failure)
    found.missing = tuple(map(_digest, report.missing))
    found.absent = tuple(report.absent)
    found.disk_full = report.disk_full


def _digest(text: str) -> str:
    if not is_digest(text):
        raise BadRequest(f"expected a digest, found {text[:100]!r}")
    return text


def held_message(attempts: Iterable[tuple[int, Holding]]) -> list[agents_pb2.HeldAttempt]:
    """Write what an agent that opens a session holds."""
    return [agents_pb2.HeldAttempt(attempt=no, state=_HELD[holding]) for no, holding in attempts]


def held_of(messages: Iterable[agents_pb2.HeldAttempt]) -> dict[AttemptNo, Holding]:
    """Read what an agent that opens a session holds; a state of a later version counts as gone."""
    return {AttemptNo(each.attempt): _HOLDINGS.get(each.state, Holding.GONE) for each in messages}


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    if number < 1 << 14:  # as the lengths of most reports
        return bytes((number & 0x7F | 0x80, number >> 7))
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
