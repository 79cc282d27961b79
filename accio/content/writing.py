"""What the writers of all stores share: the digest of what is written, and that no blob appears but a whole one."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from accio.content.blobs import Stored
from accio.content.digest import Bytes, Digest, Hasher
from accio.content.errors import DigestMismatch


def require(expected: Digest | None, found: Digest) -> None:
    """Raise DigestMismatch if what was announced has another digest than what came."""
    if expected is not None and expected != found:
        raise DigestMismatch(expected, found)


class DigestingWriter(ABC):
    """A blob on its way into a store. As a context manager it discards what wasn't committed."""

    def __init__(self, expected: Digest | None) -> None:
        self._expected = expected
        self._hasher = Hasher()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.discard()

    def write(self, data: Bytes) -> None:
        """Add the next piece; raises StoreFull."""
        self.write_hashed(data)
        self._hasher.update(data)

    def commit(self) -> Stored:
        """Make the blob appear; raises DigestMismatch if it isn't what was announced, and what the store raises."""
        digest = self._hasher.digest()
        require(self._expected, digest)
        return self.publish(digest, self._hasher.size)

    @abstractmethod
    def write_hashed(self, data: Bytes) -> None:
        """Write bytes that were digested elsewhere."""

    @abstractmethod
    def publish(self, digest: Digest, size: int) -> Stored:
        """Make the blob appear under its digest, which the caller vouches for."""

    @abstractmethod
    def discard(self) -> None:
        """Forget what was written. After a commit it does nothing."""
