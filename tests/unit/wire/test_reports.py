"""The hot path from agents to the core."""

import pytest

from accio.domain.failures import TEXT_LIMIT
from accio.domain.quantities import LAST_MS
from accio.domain.states import Cause
from accio.errors import BadRequest
from accio.v1 import agents_pb2, runs_pb2
from accio.wire.failures import failure_message, failure_of
from accio.wire.reports import reports_of

DIGEST = f"blake3:{'0' * 64}"


def one_report(**fields: object) -> agents_pb2.Reports:
    return agents_pb2.Reports(reports=[agents_pb2.Report(seq=1, attempt=2, **fields)])  # type: ignore[arg-type]  # each test gives what it means


def test_a_success_keeps_every_field() -> None:
    """Outputs, blobs, metrics, times, contents: what an agent reports arrives as it was sent."""
    message = one_report(
        success=True,
        outputs={"value": "1.0"},
        large_outputs=[agents_pb2.LargeValue(port="big", digest=DIGEST, size=70_000)],
        metrics=runs_pb2.Metrics(wall_us=1, user_cpu_us=2, system_cpu_us=3, peak_memory=4, custom_json='{"a":1.0}'),
        started_at_ms=10,
        ended_at_ms=20,
        log_bytes=5,
        contents=[agents_pb2.ContentSize(digest=DIGEST, bytes=9)],
    )
    (report,) = reports_of(message)
    assert (report.seq, report.attempt, report.failure) == (1, 2, None)
    assert report.outputs == {"value": "1.0"}
    assert report.blobs == {"big": (DIGEST, 70_000)}
    assert report.metrics == (1, 2, 3, 4, 0, 0, '{"a":1.0}')
    assert (report.started_ms, report.ended_ms, report.log_bytes) == (10, 20, 5)
    assert report.contents == [(DIGEST, 9)]


def test_a_failure_has_no_outputs() -> None:
    """A report that isn't a success is a failure, whatever outputs it names; missing contents come along."""
    failure = runs_pb2.Failure(cause="staging", message="gone")
    (report,) = reports_of(one_report(outputs={"value": "1.0"}, failure=failure, missing=[DIGEST]))
    assert report.outputs is None
    assert report.failure is not None
    assert (report.failure.cause, report.failure.message) == (Cause.STAGING, "gone")
    assert report.missing == (DIGEST,)


@pytest.mark.parametrize(
    "fields",
    [
        {"success": True, "contents": [agents_pb2.ContentSize(digest="blake3:xyz", bytes=1)]},
        {"success": True, "large_outputs": [agents_pb2.LargeValue(port="p", digest="", size=1)]},
        {"failure": runs_pb2.Failure(cause="staging"), "missing": ["sha256:abc"]},
    ],
)
def test_a_malformed_digest_is_refused(fields: dict[str, object]) -> None:
    """The core and the database can rely on digests."""
    with pytest.raises(BadRequest, match="digest"):
        reports_of(one_report(**fields))


def test_numbers_beyond_the_database_are_refused() -> None:
    """An attempt or a sequence number that no signed 64-bit integer holds is refused."""
    with pytest.raises(BadRequest, match="63-bit"):
        reports_of(agents_pb2.Reports(reports=[agents_pb2.Report(attempt=1 << 63)]))


@pytest.mark.parametrize("text", ["{oops", "[1]", '{"a": "b"}', '{"a": true}'])
def test_custom_metrics_that_are_no_numbers_are_left_out(text: str) -> None:
    """A broken custom metric doesn't cost the node its result."""
    (report,) = reports_of(one_report(success=True, metrics=runs_pb2.Metrics(wall_us=3, custom_json=text)))
    assert report.metrics == (3, 0, 0, 0, 0, 0, "")


def test_times_end_with_the_year_9999() -> None:
    """An agent's clock can't say what no date can show."""
    (report,) = reports_of(one_report(success=True, started_at_ms=2**50, ended_at_ms=2**55))
    assert report.started_ms == report.ended_ms == LAST_MS


def test_a_failure_survives_the_way() -> None:
    """A failure as a message and back is the same; texts are clipped, an unknown cause is named."""
    told = runs_pb2.Failure(cause="signal", message="it crashed", signal=11, stderr_tail="x")
    assert failure_message(failure_of(told)) == told
    unknown = failure_of(runs_pb2.Failure(cause="cosmic ray", message="bit flipped"))
    assert (unknown.cause, unknown.message) == (Cause.EXCEPTION, "cosmic ray: bit flipped")
    assert len(failure_of(runs_pb2.Failure(cause="exception", message="x" * 99_999)).message) <= TEXT_LIMIT
