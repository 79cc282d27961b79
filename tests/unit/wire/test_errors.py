"""Errors through gRPC: both tables are total, nothing is lost, and trailers stay small."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from accio import errors
from accio.domain.issues import Issue
from accio.errors import AccioError, Internal, InvalidDefinition, NotFound, Unavailable
from accio.wire import errors as wire

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AccioError)]


def kinds() -> list[type[AccioError]]:
    return [kind for kind in KINDS if kind is not AccioError]


def made(kind: type[AccioError]) -> AccioError:
    return InvalidDefinition([Issue("/a", "wrong")]) if kind is InvalidDefinition else kind("a message")


def test_every_error_has_a_status() -> None:
    """The table from errors to status codes is total over the error tree."""
    assert set(wire.CODE_OF_ERROR) == set(kinds())


def test_every_status_has_an_error() -> None:
    """The table from status codes to errors is total, success excepted."""
    assert set(wire.ERROR_OF_CODE) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("kind", kinds())
def test_an_error_arrives_as_itself(kind: type[AccioError]) -> None:
    """There and back, an error keeps its kind and its message."""
    error = made(kind)
    arrived = wire.from_status(*wire.to_status(error))
    assert type(arrived) is kind
    assert arrived.message == error.message


def test_a_narrower_error_travels_as_its_parent() -> None:
    """A class that a module derives for itself has the status of what it derives from."""

    class RunIsGone(NotFound):
        pass

    assert wire.code_of(RunIsGone("x")) is grpc.StatusCode.NOT_FOUND


def test_what_grpc_lost_may_be_asked_again() -> None:
    """Of a call that was over when something was written to it, gRPC hides the status: no bug of the daemon."""
    assert isinstance(wire.from_status(grpc.StatusCode.INTERNAL, wire.LOST_BY_GRPC), Unavailable)
    assert isinstance(wire.from_status(grpc.StatusCode.INTERNAL, "internal error (ref 1)"), Internal)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)
ISSUES = st.lists(
    st.builds(
        Issue,
        path=TEXT,
        message=TEXT,
        suggestion=st.none() | st.text(min_size=1, max_size=300).filter(lambda text: text.isprintable()),
        line=st.none() | st.integers(1, 10**6),
        column=st.none() | st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=100,
)


@given(ISSUES)
def test_trailers_stay_below_8_kb(issues: list[Issue]) -> None:
    """Whatever the issues are, message and details together fit into the trailers, and say so if they were clipped."""
    _, message, trailers = wire.to_status(InvalidDefinition(issues))
    size = len(message.encode()) if message.isascii() else sum(3 * len(part.encode()) for part in message)
    size = min(size, wire.MESSAGE_LIMIT) + sum(len(key) + len(value) * 4 // 3 + 64 for key, value in trailers)
    assert size < 8_000
    arrived = wire.from_status(grpc.StatusCode.INVALID_ARGUMENT, message, trailers)
    assert isinstance(arrived, InvalidDefinition)
    if not wire.is_clipped(arrived.issues):
        assert len(arrived.issues) == len(issues)


def test_issues_keep_every_field() -> None:
    """Path, message, suggestion, line and column arrive."""
    issues = (Issue("/graph/0/op", "there is no operator Foo", "Fooo"), Issue("", "expected ','", None, 3, 14))
    arrived = wire.from_status(*wire.to_status(InvalidDefinition(issues)))
    assert isinstance(arrived, InvalidDefinition)
    assert arrived.issues == issues


def test_a_clipped_list_counts_the_rest() -> None:
    """Issues that don't fit are counted in a last one."""
    arrived = wire.from_status(*wire.to_status(InvalidDefinition([Issue("/x", "m" * 200)] * 1000)))
    assert isinstance(arrived, InvalidDefinition)
    assert wire.is_clipped(arrived.issues)
    assert "1000 problems" in arrived.issues[-1].message


def test_other_clients_read_a_bad_request() -> None:
    """The details hold google.rpc.BadRequest, with JSON pointers as fields."""
    _, _, trailers = wire.to_status(InvalidDefinition([Issue("/params/x", "unknown", "y")]))
    status = status_pb2.Status.FromString(dict(trailers)[wire.DETAILS_KEY])
    found = error_details_pb2.BadRequest()
    assert any(detail.Unpack(found) for detail in status.details)
    assert [(each.field, each.description) for each in found.field_violations] == [
        ("/params/x", "unknown (did you mean y?)")
    ]


def test_details_of_another_server_are_understood() -> None:
    """A BadRequest without our own details gives its fields as issues; damaged details give a plain error."""
    status = status_pb2.Status(code=3)
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="/a", description="wrong")
    status.details.add().Pack(bad)
    trailers = [(wire.DETAILS_KEY, status.SerializeToString())]
    arrived = wire.from_status(grpc.StatusCode.INVALID_ARGUMENT, "m", trailers)
    assert isinstance(arrived, InvalidDefinition)
    assert arrived.issues == (Issue("/a", "wrong"),)
    damaged = wire.from_status(grpc.StatusCode.INVALID_ARGUMENT, "m", [(wire.DETAILS_KEY, b"\xff\xff")])
    assert type(damaged) is errors.BadRequest


@given(st.text(max_size=5000))
def test_a_clipped_message_fits_and_is_a_beginning(text: str) -> None:
    """`clip` shortens to what percent-encoding allows, and otherwise changes nothing."""
    text = text.encode(errors="replace").decode()
    short = wire.clip(text, 300)
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
