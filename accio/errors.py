"""The errors that Accio shows to its users.

    AccioError
    ├── InvalidDefinition     a workflow, run or operator definition is wrong; carries every issue
    ├── BadRequest            the request itself makes no sense (a bad option, filter, prefix)
    ├── NotFound              there is no such run, node, workflow, operator, agent or artifact
    ├── AlreadyExists         it is there already, or the idempotency key belongs to another request
    ├── FailedPrecondition    the state of the thing forbids it (a workflow that has runs, say)
    ├── ResourceExhausted     a limit, a quota or a disk is full
    ├── Unauthenticated       no token, or one that isn't known
    ├── PermissionDenied      the caller is known, and may not
    ├── Unavailable           the daemon can't be reached, or isn't ready; trying again may help
    └── Internal              a bug, or damage; the message carries a reference to the log

Each boundary (gRPC status, exit code, HTTP status) maps this list once; nothing else derives from AccioError.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from accio.domain.issues import Issue, summary

Told = TypeVar("Told")


class AccioError(Exception):
    """An error with a message for people: what was expected, what was found, where, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidDefinition(AccioError):
    """A definition with everything that is wrong with it; `warnings` is what was found besides."""

    def __init__(self, issues: Iterable[Issue], warnings: Iterable[Issue] = ()) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        self.warnings: tuple[Issue, ...] = tuple(warnings)
        super().__init__(summary(self.issues))


class BadRequest(AccioError):
    """The request itself makes no sense."""


class NotFound(AccioError):
    """There is no such thing."""


class AlreadyExists(AccioError):
    """It is there already."""


class FailedPrecondition(AccioError):
    """The state of the thing forbids it."""


class ResourceExhausted(AccioError):
    """A limit, a quota or a disk is full."""


class Unauthenticated(AccioError):
    """No token, or one that isn't known."""


class PermissionDenied(AccioError):
    """The caller is known, and may not."""


class Unavailable(AccioError):
    """The daemon can't be reached, or isn't ready."""


class Internal(AccioError):
    """A bug, or damage."""


def of_kind(error: AccioError, table: Mapping[type[AccioError], Told], otherwise: Told) -> Told:
    """Return what *table* has for the class of *error*, or for the nearest class above it that is there."""
    return next((table[kind] for kind in type(error).__mro__ if kind in table), otherwise)
