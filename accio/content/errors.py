"""What can go wrong with content.

    AccioError
    ├── BadRequest
    │   ├── DigestMismatch      bytes were announced under a digest that isn't theirs
    │   └── InvalidManifest     bytes that should be a dataset's manifest are not
    ├── NotFound
    │   └── BlobMissing         the store lacks a blob, or had to take a corrupted one out
    ├── AlreadyExists
    │   └── TargetExists        something stands where a dataset is to be written
    ├── FailedPrecondition
    │   ├── StagingError        a path can't be taken as a dataset
    │   │   ├── PathMissing         there is nothing at the path
    │   │   └── ChangedWhileRead    it changed while it was read: nobody knows what was read
    │   └── StoreUnusable       the store can't be opened, read or written
    ├── Unavailable
    │   └── StoreAway           an object store can't be reached, or doesn't answer as it should: try again
    └── ResourceExhausted
        └── StoreFull           no space (or quota) is left on the store's file system

A StagingError's message begins with "staging: ": it is the cause that a failed node shows.
"""

from accio.content.digest import Digest
from accio.errors import AlreadyExists, BadRequest, FailedPrecondition, NotFound, ResourceExhausted, Unavailable


class DigestMismatch(BadRequest):
    """Bytes were announced under a digest that isn't theirs; nothing was stored."""

    def __init__(self, expected: Digest, found: Digest) -> None:
        super().__init__(
            f"the content announced as {expected} has the digest {found}: it was not stored; send it again"
        )
        self.expected = expected
        self.found = found


class InvalidManifest(BadRequest):
    """Bytes that should be a manifest are not; the message says where."""


class BlobMissing(NotFound):
    """The store lacks a blob. `quarantined` is true if it was there, corrupted, and has been taken out just now."""

    def __init__(self, digest: Digest, message: str, *, quarantined: bool = False) -> None:
        super().__init__(message)
        self.digest = digest
        self.quarantined = quarantined


class TargetExists(AlreadyExists):
    """Something stands where a dataset is to be written; it was left alone."""


class StagingError(FailedPrecondition):
    """A path can't be taken as a dataset."""

    def __init__(self, message: str) -> None:
        super().__init__(f"staging: {message}")


class PathMissing(StagingError):
    """There is nothing at the path of a dataset."""


class ChangedWhileRead(StagingError):
    """A dataset changed while it was read."""

    def __init__(self, what: str) -> None:
        super().__init__(f"changed while it was read: {what}; try again when nothing writes to it")


class StoreUnusable(FailedPrecondition):
    """The store can't be opened, read or written."""


class StoreAway(Unavailable):
    """An object store can't be reached, or doesn't answer as it should; it may later."""


class StoreFull(ResourceExhausted):
    """No space is left where the store is; what was being written has been removed."""
