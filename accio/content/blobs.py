"""The port behind which blobs are kept under their digest: in a folder (`store.py`) or an object store (`objects.py`).

Rules for every store. A blob is there whole and right, or not there: it is verified before it appears, and again before
it is served; one that turns out damaged is taken away and reported as missing. Putting what is there already stores
nothing, but counts as a use. `last_use_ns` is the epoch time of the last put or `has(…, use=True)`.
"""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Protocol

from accio.content.digest import Bytes, Digest, Progress
from accio.late import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The outcome of a put; `new` is false if the store had the blob."""

    digest: Digest
    size: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """What a store tells of a blob without reading it."""

    digest: Digest
    size: int
    last_use_ns: int


class BlobWriter(Protocol):
    """A blob that is being received in pieces. As a context manager it discards what wasn't committed."""

    def write(self, data: Bytes) -> None:
        """Add the next piece; raises StoreFull."""
        ...

    def commit(self) -> Stored:
        """Make the blob appear; raises DigestMismatch if it isn't what was announced, and StoreFull."""
        ...

    def discard(self) -> None:
        """Forget what was written. After a commit it does nothing."""
        ...

    def __enter__(self) -> "BlobWriter":
        """Enter; the writer itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Discard what wasn't committed."""
        ...


class BlobStore(Protocol):
    """Bytes under their digest. Every method may be called from any thread."""

    def has(self, digests: Iterable[Digest], *, use: bool = False) -> dict[Digest, int]:
        """Return which of the digests are there, with their sizes. *use* counts as a use: `delete` then spares them."""
        ...

    def writer(self, expected: Digest | None = None) -> BlobWriter:
        """Begin to receive a blob; *expected* is the digest it was announced under."""
        ...

    def put(self, data: Bytes, expected: Digest | None = None) -> Stored:
        """Store bytes; raises DigestMismatch, StoreFull."""
        ...

    def put_file(
        self, fd: int, *, size: int, expected: Digest | None = None, progress: Progress | None = None
    ) -> Stored:
        """Store what an open file holds from its start; raises DigestMismatch, StoreFull."""
        ...

    def read(self, digest: Digest) -> bytes:
        """Return the blob, verified; raises BlobMissing."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """Return the blob, **not** verified: for callers that verify what they made of it; raises BlobMissing."""
        ...

    def open_verified(self, digest: Digest) -> BinaryIO:
        """Return the blob, read and verified as a whole before this returns; raises BlobMissing."""
        ...

    def verify(self, digest: Digest) -> None:
        """Read the blob; raises BlobMissing, and takes it away if it is damaged."""
        ...

    def delete(self, blob: Blob) -> bool:
        """Delete a blob unless it was used since it was listed so; false if it was, or is gone."""
        ...

    def list(self) -> Iterator[Blob]:
        """Return all blobs, in no order; what comes and goes meanwhile may be listed or not."""
        ...

    def require_in_place(self) -> None:
        """Raise StoreUnusable if what is stored now would be lost, as its folder isn't where others look for it."""
        ...

    @property
    def has_addresses(self) -> bool:
        """Whether blobs can be read or written elsewhere, by `address`."""
        ...

    def address(self, digest: Digest, *, write: bool) -> str | None:
        """Return a URL for one GET (or PUT) of a blob within minutes, without credentials; None if there is none."""
        ...
