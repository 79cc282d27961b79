"""What a message may hold: numbers, lengths and counts."""

import pytest
from google.protobuf.message import Message

from accio.errors import BadRequest
from accio.v1 import accio_pb2, agents_pb2, runs_pb2, values_pb2
from accio_daemon.services.transport import bounds

REPORT = agents_pb2.Report(
    seq=1,
    attempt=(7 << 40) + 1,
    success=True,
    outputs={"value": "1"},
    metrics=runs_pb2.Metrics(wall_us=10, peak_memory=2**40, custom_json='{"x": 1}'),
    failure=runs_pb2.Failure(cause="exit code", exit_code=-9, message="é" * 20),
    started_at_ms=1_800_000_000_000,
    ended_at_ms=1_800_000_000_001,
)
MANY = 2**64 - 1


def _read(message: Message) -> Message:
    return bounds.read(type(message).FromString, message.SerializeToString())


def _agent(**kind: object) -> agents_pb2.AgentMessage:
    return agents_pb2.AgentMessage(**kind)  # type: ignore[arg-type]  # each test gives the kind that it names


def _reports(**changes: object) -> agents_pb2.AgentMessage:
    report = agents_pb2.Report()
    report.CopyFrom(REPORT)
    report.MergeFrom(agents_pb2.Report(**changes))  # type: ignore[arg-type]  # as above
    return _agent(reports=agents_pb2.Reports(reports=[REPORT, report]))


@pytest.mark.parametrize(
    "message",
    [
        _reports(),
        _reports(attempt=2**63 - 1),
        _reports(outputs={"value": "9" * 65_536}),
        _agent(hello=agents_pb2.Hello(name="a", incarnation=bounds.MOST, resources=values_pb2.Resources(gpus=4096))),
        _agent(progress=agents_pb2.Progress(attempt=[2**63 - 1], fraction=[0.5, -1e308])),
        accio_pb2.SubmitRequest(definition=b"x" * 100_000, caller="c" * 1000),
        accio_pb2.RunsRequest(ids=["a"] * 100_000),
        accio_pb2.UpdateMetadataRequest(id="a", notes="n" * 200_000),
    ],
)
def test_what_the_contract_allows(message: Message) -> None:
    """What is within the bounds is read as it was sent."""
    assert _read(message) == message


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (_reports(seq=MANY), "Report.seq"),
        (_reports(attempt=2**63), "Report.attempt"),
        (_reports(log_bytes=bounds.MOST + 1), "Report.log_bytes"),
        (_reports(started_at_ms=-1), "Report.started_at_ms"),
        (_reports(metrics=runs_pb2.Metrics(wall_us=MANY)), "Metrics.wall_us"),
        (_reports(contents=[agents_pb2.ContentSize(bytes=MANY)]), "ContentSize.bytes"),
        (_reports(outputs={"value": "9" * 65_537}), "Report.outputs"),
        (_reports(outputs={"k" * 70_000: "9"}), "Report.outputs"),
        (_reports(missing=["m"] * 100_001), "Report.missing"),
        (_agent(hello=agents_pb2.Hello(incarnation=MANY)), "Hello.incarnation"),
        (_agent(hello=agents_pb2.Hello(resources=values_pb2.Resources(gpus=4097))), "Resources.gpus"),
        (_agent(hello=agents_pb2.Hello(resources=values_pb2.Resources(custom={"x": 2**54}))), "Resources.custom"),
        (_agent(hello=agents_pb2.Hello(operators=[values_pb2.Operator(retries=2**31)])), "Operator.retries"),
        (_agent(progress=agents_pb2.Progress(fraction=[0.5, float("nan")])), "Progress.fraction"),
        (_agent(progress=agents_pb2.Progress(attempt=[2**63])), "Progress.attempt"),
        (accio_pb2.SubmitRequest(caller="c" * 1001), "SubmitRequest.caller"),
        (accio_pb2.ListRequest(text="a " * 600), "ListRequest.text"),
        (accio_pb2.ListRequest(created_after_ms=-1), "ListRequest.created_after_ms"),
        (accio_pb2.RunsRequest(ids=["a"] * 100_001), "RunsRequest.ids"),
        (accio_pb2.RunsRequest(ids=["a" * 201]), "RunsRequest.ids"),
    ],
)
def test_what_the_contract_does_not_allow(message: Message, field: str) -> None:
    """What breaks a bound is refused, and the field is named."""
    with pytest.raises(BadRequest, match=f"{field}"):
        _read(message)


def test_bytes_that_are_no_message() -> None:
    """Bytes that can't be read are the caller's mistake."""
    with pytest.raises(BadRequest, match="expected a message"):
        bounds.read(accio_pb2.GetRequest.FromString, b"\xff\xff\xff")
