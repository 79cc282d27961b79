"""The exit codes of every Accio program, and which error ends with which: total over the error tree (docs/cli.md)."""

from collections.abc import Mapping

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

SUCCESS = 0
USAGE = 1
INVALID = 2
NOT_SUCCESS = 3
UNREACHABLE = 4
INTERNAL = 5
NOT_ALLOWED = 6
INTERRUPTED = 130

EXIT_OF_ERROR: Mapping[type[AccioError], int] = {
    InvalidDefinition: INVALID,
    BadRequest: USAGE,
    NotFound: USAGE,
    AlreadyExists: USAGE,
    FailedPrecondition: USAGE,
    ResourceExhausted: USAGE,
    PermissionDenied: NOT_ALLOWED,
    Unauthenticated: NOT_ALLOWED,
    Unavailable: UNREACHABLE,
    Internal: INTERNAL,
}


def exit_code(error: AccioError) -> int:
    """Return the exit code that tells *error*; that of its nearest known ancestor for a kind that has none."""
    return of_kind(error, EXIT_OF_ERROR, INTERNAL)
