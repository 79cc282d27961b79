"""Exit codes: the table of SPEC §12, total over the error tree."""

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

CODE_OF_ERROR: Mapping[type[AccioError], str] = {
    InvalidDefinition: "invalid_definition",
    BadRequest: "bad_request",
    NotFound: "not_found",
    AlreadyExists: "already_exists",
    FailedPrecondition: "failed_precondition",
    ResourceExhausted: "resource_exhausted",
    PermissionDenied: "permission_denied",
    Unauthenticated: "unauthenticated",
    Unavailable: "unavailable",
    Internal: "internal",
}
"""What `--json` calls an error."""
