"""Errors on their way through gRPC: one table each way, used by client, agent and daemon.

An `AccioError` travels as a status code, a message, and `google.rpc` details in the trailing metadata. An
`InvalidDefinition` carries a `google.rpc.BadRequest` (for any gRPC client) and a `ValidateResponse` (each issue with
all of its fields, for ours). Trailers beyond about 8 kB make a call fail with another error than the one meant, so that
everything is clipped to fit, and a clipped list says how many issues there are in all; `is_clipped` tells the client to
ask Validate for the whole list.

This module must not know what a call is about, and must not log: the text of an unexpected exception stays with who
caught it.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from accio.domain.issues import Issue
from accio.errors import (
    AccioError,
    AlreadyExists,
    BadRequest,
    FailedPrecondition,
    Internal,
    InvalidDefinition,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    of_kind,
)
from accio.v1 import values_pb2, workflows_pb2
from accio.wire.issues import issue_message, issues_of

DETAILS_KEY = "grpc-status-details-bin"
"""The metadata key that gRPC gives to a serialised `google.rpc.Status`."""

MESSAGE_LIMIT = 1_500
"""Bytes of a status message as it travels, that is percent-encoded."""

DETAILS_LIMIT = 4_200
"""Bytes of the details before base64, so that message and details together stay below 8 kB of trailers."""

CODE_OF_ERROR: Mapping[type[AccioError], grpc.StatusCode] = {
    InvalidDefinition: grpc.StatusCode.INVALID_ARGUMENT,
    BadRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Internal: grpc.StatusCode.INTERNAL,
}

ERROR_OF_CODE: Mapping[grpc.StatusCode, type[AccioError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: BadRequest,  # InvalidDefinition if there are issues
    grpc.StatusCode.OUT_OF_RANGE: BadRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.UNIMPLEMENTED: FailedPrecondition,  # the other side is older
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.ABORTED: Unavailable,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNKNOWN: Internal,
    grpc.StatusCode.DATA_LOSS: Internal,
}

Trailers = tuple[tuple[str, str | bytes], ...]

LOST_BY_GRPC = "Internal error from Core"
"""What gRPC's asynchronous client says of a call that was over when it wrote to it, in place of the status that it had
been sent: nobody's fault, and nothing that asking once more wouldn't tell.
"""


def code_of(error: AccioError) -> grpc.StatusCode:
    """Return the status code of *error*: that of its own class, or of the nearest class above it that has one."""
    return of_kind(error, CODE_OF_ERROR, grpc.StatusCode.INTERNAL)


def to_status(error: AccioError) -> tuple[grpc.StatusCode, str, Trailers]:
    """Return what `context.abort` needs to tell *error* to the other side: code, message, trailing metadata."""
    code = code_of(error)
    message = clip(error.message)
    if not isinstance(error, InvalidDefinition):
        return code, message, ()
    number: int = code.value[0]
    status = status_pb2.Status(code=number, message=clip(message, 300), details=_details_of_issues(error.issues))
    return code, message, ((DETAILS_KEY, status.SerializeToString()),)


def from_status(code: grpc.StatusCode, message: str, trailers: Iterable[tuple[str, str | bytes]] = ()) -> AccioError:
    """Return the error that the other side told with this status."""
    if code is grpc.StatusCode.INTERNAL and message == LOST_BY_GRPC:
        return Unavailable(
            "the call ended while something was written to it: the connection was lost, or it was refused"
        )
    issues = _issues_in(trailers) if code is grpc.StatusCode.INVALID_ARGUMENT else ()
    if issues:
        return InvalidDefinition(issues)
    return ERROR_OF_CODE.get(code, Internal)(message or f"the call ended with {code.name}")


def is_clipped(issues: Sequence[Issue]) -> bool:
    """Return whether the list that came with an error is only the beginning of the whole one."""
    return bool(issues) and issues[-1].path == "" and issues[-1].message.startswith(_MORE)


def clip(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Return *text*, shortened so that gRPC's percent-encoding of it takes at most *limit* bytes."""
    if len(quote(text)) <= limit:
        return text
    kept, room = [], limit - len(quote("…"))
    for character in text:
        room -= len(quote(character, errors="replace"))
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…"


_MORE = "the list goes on: "


def _details_of_issues(issues: Sequence[Issue]) -> list[AnyMessage]:
    """Return the issues as BadRequest and as ValidateResponse: as many as fit, and a last one that counts the rest."""
    bad, full = error_details_pb2.BadRequest(), workflows_pb2.ValidateResponse()
    room = DETAILS_LIMIT - 600  # the copy of the message, the names of the types, and the entry that counts the rest
    for number, issue in enumerate(issues):
        wire = issue_message(_short(issue))
        violation = error_details_pb2.BadRequest.FieldViolation(field=wire.path, description=_described(wire))
        room -= wire.ByteSize() + violation.ByteSize() + 8
        if room < 0:
            rest = f"{_MORE}{len(issues)} problems in all, {number} are listed here"
            bad.field_violations.add(field="", description=rest)
            full.errors.add(path="", message=rest)
            break
        bad.field_violations.append(violation)
        full.errors.append(wire)
    packed = [AnyMessage(), AnyMessage()]
    packed[0].Pack(bad)
    packed[1].Pack(full)
    return packed


def _short(issue: Issue) -> Issue:
    """Return the issue with texts of such a length that at least one fits into the details."""
    suggestion = issue.suggestion and _cut(issue.suggestion, 200)
    return Issue(
        path=_cut(issue.path, 300),
        message=_cut(issue.message, 700),
        suggestion=suggestion,
        line=issue.line,
        column=issue.column,
    )


def _cut(text: str, limit: int) -> str:
    """Return *text* in at most *limit* bytes of UTF-8."""
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= limit else encoded[: limit - 3].decode(errors="ignore") + "…"


def _described(issue: values_pb2.Issue) -> str:
    place = f"line {issue.line}, column {issue.column}: " if issue.line else ""
    hint = f" (did you mean {issue.suggestion}?)" if issue.suggestion else ""
    return f"{place}{issue.message}{hint}"


def _issues_in(trailers: Iterable[tuple[str, str | bytes]]) -> tuple[Issue, ...]:
    """Return the issues in a status's details: ours if they are there, else those of a BadRequest; none if
    unreadable.
    """
    status = status_pb2.Status()
    for key, value in trailers:
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return ()
    full, bad = workflows_pb2.ValidateResponse(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(full) and full.errors:
            return issues_of(full.errors)
    for detail in status.details:
        if detail.Unpack(bad):
            return tuple(Issue(path=each.field, message=each.description) for each in bad.field_violations)
    return ()
