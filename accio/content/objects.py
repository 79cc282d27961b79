"""A BlobStore in an object store (S3, Google, Azure, and what speaks like them), by the package obstore.

    PREFIX/format              "accio store 1"
    PREFIX/owner               whose store it is: one daemon deletes in it, and no other
    PREFIX/blobs/ab/ab12…      the blobs, named by the 64 digits of their digest
    PREFIX/quarantine/ab12…-X  blobs that turned out damaged

An object appears whole or not at all. It is written once its digest has been verified, and verified again before it is
served: large ones pass through a file of the scratch folder on both ways, so that memory is bounded.

Uses are kept in memory, as objects have no time that could be moved; only the owner deletes, so that nobody else needs
to know them. What was there when the store was opened counts as used then, in the order of its age. Credentials come
from the environment, and no error repeats what the server answered: it may quote them.
"""

import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from accio.content.blobs import Blob, Stored
from accio.content.digest import PREFIX, Bytes, Digest, Hasher, Progress, chunks_of, digest_bytes, hex_of, is_digest
from accio.content.errors import BlobMissing, StoreAway, StoreFull, StoreUnusable
from accio.content.parts import FORMAT
from accio.content.remote import Remote, reason_of
from accio.content.writing import DigestingWriter, require
from accio.disk_space import FULL

IN_MEMORY = 1 << 20
"""A blob below this size is handled as one piece of memory."""
PART = 8 << 20
"""Larger ones travel in pieces of this size."""
_LOOKS_AT_ONCE = 16
_VALID = timedelta(minutes=15)
_FIRST_BYTES = 1 << 12


class ObjectStore:
    """A store under a prefix of a bucket. Any number of threads may use it at once.

    Mutable state, all of it guarded by one lock: the sizes of blobs known to be there, and when each was used last.
    """

    def __init__(self, remote: Remote, name: str, scratch: Path, *, owner: str, now_ns: Callable[[], int]) -> None:
        """Open the store that *remote* leads to, and people call *name*; raises StoreUnusable, StoreAway.

        *owner* is a text of whoever deletes here: a store that is another's is refused.
        """
        import obstore

        self._calls = obstore
        self._remote = remote
        self._name = name
        self._scratch = scratch
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._sizes: dict[Digest, int] = {}
        self._uses: dict[Digest, int] = {}
        self._opened_ns = now_ns()
        self._looking = ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="object-store")
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            self._claim(
                "format", FORMAT, "has another format: use the version of Accio that made it, or another prefix"
            )
            self._claim(
                "owner",
                owner.encode(),
                "belongs to another daemon: use another prefix. If that daemon is gone for good, delete the object "
                f"{name.rstrip('/')}/owner",
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ObjectStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ObjectStore {self._name}, {len(self._sizes)} known>"

    def close(self) -> None:
        """End what is being looked for."""
        self._looking.shutdown(cancel_futures=True)

    # -- looking

    def has(self, digests: Iterable[Digest], *, use: bool = False) -> dict[Digest, int]:
        """Return which of the digests are there, with their sizes. *use* counts as a use: `delete` then spares them."""
        wanted = list(digests)
        if use:
            self._use(wanted)
        with self._lock:
            found = {digest: size for digest in wanted if (size := self._sizes.get(digest)) is not None}
        unknown = [digest for digest in wanted if digest not in found]
        looked = zip(unknown, self._looking.map(self._look, unknown), strict=True)
        return found | {digest: size for digest, size in looked if size is not None}

    def list(self) -> Iterator[Blob]:
        """Yield all blobs, in no order; what comes and goes meanwhile may be listed or not."""
        with self._explained("listed"):
            pages = iter(self._calls.list(self._remote, "blobs", chunk_size=1000))
        while True:
            with self._explained("listed"):
                page = next(pages, None)
            if page is None:
                return
            for each in page:
                digest = PREFIX + each["path"].rpartition("/")[2]
                if is_digest(digest):
                    yield self._noted(Digest(digest), each["size"], each["last_modified"].timestamp())

    def require_in_place(self) -> None:
        """Return: a bucket isn't moved away."""

    @property
    def has_addresses(self) -> bool:
        """Whether blobs can be read or written elsewhere: one PUT makes an object, but for Azure's."""
        return not self._name.startswith("az:")

    def address(self, digest: Digest, *, write: bool) -> str | None:
        """Return a URL for one GET or PUT within a quarter of an hour, signed here; None for what can't be read.

        What others put isn't verified before it is there. Every reader verifies it.
        """
        if not self.has_addresses or (not write and not self.has([digest])):
            return None
        with self._explained("read"):
            return str(self._calls.sign(self._remote, "PUT" if write else "GET", _path(digest), _VALID))

    # -- writing

    def writer(self, expected: Digest | None = None) -> "ObjectWriter":
        """Begin to receive a blob; *expected* is the digest it was announced under."""
        return ObjectWriter(self, self._scratch, expected)

    def put(self, data: Bytes, expected: Digest | None = None) -> Stored:
        """Store bytes; raises DigestMismatch, StoreAway."""
        digest = digest_bytes(data)
        require(expected, digest)
        return self.upload(BytesIO(data), digest, len(data))

    def put_file(
        self, fd: int, *, size: int, expected: Digest | None = None, progress: Progress | None = None
    ) -> Stored:
        """Store what an open file holds from its position on; raises DigestMismatch, StoreFull, StoreAway."""
        with self.writer(expected) as writer:
            for chunk in chunks_of(fd, size=size):
                writer.write(chunk)
                if progress is not None:
                    progress(len(chunk))
            return writer.commit()

    def upload(self, file: BinaryIO | tempfile.SpooledTemporaryFile[bytes], digest: Digest, size: int) -> Stored:
        """Make a blob appear, for whose digest the caller vouches; what is there already stays."""
        there = self.has([digest], use=True)
        if there.get(digest) == size:
            return Stored(digest=digest, size=size, new=False)
        with self._explained("written"):
            self._calls.put(self._remote, _path(digest), file, chunk_size=PART, use_multipart=size > PART)
        with self._lock:
            self._sizes[digest] = size
        return Stored(digest=digest, size=size, new=True)

    def delete(self, blob: Blob) -> bool:
        """Delete a blob unless it was used since it was listed so; false if it was, or is gone."""
        with self._lock:  # whoever uses it waits, and then finds it gone
            if self._uses.get(blob.digest) != blob.last_use_ns:
                return False
            with self._explained("written"), suppress(FileNotFoundError):
                self._calls.delete(self._remote, _path(blob.digest))
            self._uses.pop(blob.digest, None)
            self._sizes.pop(blob.digest, None)
        return True

    # -- reading

    def read(self, digest: Digest) -> bytes:
        """Return the blob, verified; raises BlobMissing, StoreAway."""
        with self._explained("read", digest):
            data = bytes(self._calls.get(self._remote, _path(digest)).bytes())
        if (found := digest_bytes(data)) != digest:
            raise self._damaged(digest, found)
        return data

    def open(self, digest: Digest) -> BinaryIO:
        """Return the blob, **not** verified: for callers that verify what they made of it; raises BlobMissing."""
        return BufferedReader(_Reading(self, digest, self._size(digest)), _FIRST_BYTES)

    def open_verified(self, digest: Digest) -> BinaryIO:
        """Return the blob, read and verified as a whole before this returns; raises BlobMissing, StoreFull."""
        size = self._size(digest)
        if size < IN_MEMORY:
            return BytesIO(self.read(digest))
        hasher = Hasher()
        with _room(self._scratch):
            # The caller closes it: it has no name, and goes with its last descriptor.
            file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - as above
        try:
            for start in range(0, size, PART):
                data = self.piece(digest, start, min(PART, size - start))
                hasher.update(data)
                with _room(self._scratch):
                    file.write(data)
            if (found := hasher.digest()) != digest:
                raise self._damaged(digest, found)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def verify(self, digest: Digest) -> None:
        """Read the blob; raises BlobMissing, and takes it away if it is damaged."""
        self.open_verified(digest).close()

    def piece(self, digest: Digest, start: int, length: int) -> bytes:
        """Return a part of a blob, not verified; raises BlobMissing, StoreAway."""
        with self._explained("read", digest):
            return bytes(self._calls.get_range(self._remote, _path(digest), start=start, length=length))

    # -- inside

    def _claim(self, name: str, text: bytes, otherwise: str) -> None:
        """See that an object has this text, writing it if nothing is there; else say what is *otherwise*."""
        with self._explained("opened"):
            try:
                found = bytes(self._calls.get(self._remote, name).bytes())
            except FileNotFoundError:
                self._calls.put(self._remote, name, text)
                return
        if found != text:
            raise StoreUnusable(f"the store {self._name} {otherwise}")

    def _use(self, digests: Iterable[Digest]) -> None:
        now = self._now_ns()
        with self._lock:
            for digest in digests:
                self._uses[digest] = max(now, self._uses.get(digest, 0) + 1)

    def _look(self, digest: Digest) -> int | None:
        """Look for a blob, and note its size."""
        try:
            with self._explained("read", digest):
                size = int(self._calls.head(self._remote, _path(digest))["size"])
        except BlobMissing:
            return None
        with self._lock:
            self._sizes[digest] = size
        return size

    def _size(self, digest: Digest) -> int:
        with self._lock:
            size = self._sizes.get(digest)
        size = self._look(digest) if size is None else size
        if size is None:
            raise self._lacks(digest)
        return size

    def _noted(self, digest: Digest, size: int, modified_s: float) -> Blob:
        """Return what is known of a listed blob. One of an earlier time was used when the store was opened: who did,
        before that, isn't known. Its age in seconds counts as nanoseconds, so that the oldest still goes first.
        """
        with self._lock:
            self._sizes[digest] = size
            used = self._uses.setdefault(digest, self._opened_ns + int(modified_s))
        return Blob(digest=digest, size=size, last_use_ns=used)

    def _damaged(self, digest: Digest, found: Digest) -> BlobMissing:
        aside = f"quarantine/{hex_of(digest)}-{secrets.token_hex(4)}"
        with self._explained("written"), self._lock:
            self._sizes.pop(digest, None)
            with suppress(FileNotFoundError):  # somebody else found it, too
                self._calls.rename(self._remote, _path(digest), aside)
        return BlobMissing(
            digest,
            f"the blob {digest} in the store {self._name} is damaged (its content has the digest {found}): it was "
            "moved to quarantine; what made it must run again",
            quarantined=True,
        )

    def _lacks(self, digest: Digest) -> BlobMissing:
        return BlobMissing(digest, f"the store {self._name} lacks {digest}")

    @contextmanager
    def _explained(self, done: str, digest: Digest | None = None) -> Iterator[None]:
        """Turn what obstore raises into errors with words of ours; *done* completes "the store … can't be …"."""
        from obstore import exceptions

        try:
            yield
        except FileNotFoundError:
            if digest is not None:
                with self._lock:
                    self._sizes.pop(digest, None)
                raise self._lacks(digest) from None
            raise StoreUnusable(
                f"the store {self._name} can't be {done}: there is no such bucket, or no such object any more"
            ) from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise StoreUnusable(
                f"the store {self._name} can't be {done}: {reason_of(error)}; credentials come from the environment of "
                "the daemon"
            ) from None
        except exceptions.BaseError as error:
            raise StoreAway(f"the store {self._name} can't be {done}: {reason_of(error)}") from None


class ObjectWriter(DigestingWriter):
    """A blob on its way into an ObjectStore."""

    def __init__(self, store: ObjectStore, scratch: Path, expected: Digest | None) -> None:
        super().__init__(expected)
        self._store = store
        self._scratch = scratch
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(scratch))  # noqa: SIM115 - `discard` closes it

    def write_hashed(self, data: Bytes) -> None:
        """Write into the scratch folder; raises StoreFull if it has no room."""
        with _room(self._scratch):
            self._file.write(data)

    def publish(self, digest: Digest, size: int) -> Stored:
        """Make the blob appear; raises StoreAway."""
        if self._file.closed:
            raise ValueError("this writer has been committed or discarded")
        self._file.seek(0)
        stored = self._store.upload(self._file, digest, size)
        self._file.close()
        return stored

    def discard(self) -> None:
        """Forget what was written. After a commit it does nothing."""
        self._file.close()


class _Reading(RawIOBase):
    """A blob that is read as it is asked for."""

    def __init__(self, store: ObjectStore, digest: Digest, size: int) -> None:
        self._store = store
        self._digest = digest
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), PART, self._size - self._at)
        if length > 0:
            buffer[:length] = self._store.piece(self._digest, self._at, length)
            self._at += length
        return length


def _path(digest: Digest) -> str:
    name = hex_of(digest)
    return f"blobs/{name[:2]}/{name}"


@contextmanager
def _room(scratch: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(f"no room is left in {scratch}, through which blobs pass on their way") from None
        raise StoreUnusable(f"can't use {scratch}: {(error.strerror or str(error)).lower()}") from None
