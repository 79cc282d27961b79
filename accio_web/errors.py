"""Errors as HTTP answers: the status of each kind, total over the error tree, and the document."""

from collections.abc import Mapping

from starlette.responses import Response

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
from accio_client.documents import Document, document, issues
from accio_web.answers import answer

STATUS: Mapping[type[AccioError], int] = {
    InvalidDefinition: 422,
    BadRequest: 400,
    NotFound: 404,
    AlreadyExists: 409,
    FailedPrecondition: 409,
    ResourceExhausted: 507,
    Unauthenticated: 401,
    PermissionDenied: 403,
    Unavailable: 503,
    Internal: 500,
}


def refused(status: int, message: str) -> Response:
    """Return the answer to a request that isn't served."""
    return answer(document({"error": {"kind": "refused", "message": message}}), status)


def failed(error: AccioError) -> Response:
    """Return the answer that tells an error."""
    status = of_kind(error, STATUS, 500)
    told: Document = {"kind": type(error).__name__, "message": error.message}
    if isinstance(error, InvalidDefinition):
        told |= {"issues": issues(error.issues)}
    return answer(document({"error": told}), status)
