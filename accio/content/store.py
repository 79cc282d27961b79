"""A BlobStore in a folder of a local file system: what is verified when. The files are folder.py's business."""

import os
import stat
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from accio.content.adopting import adopt
from accio.content.blobs import Blob, Stored
from accio.content.copying import copy_fd, write_all
from accio.content.digest import (
    PREFIX,
    Bytes,
    Digest,
    Progress,
    digest_bytes,
    digest_fd,
    hex_of,
    is_digest,
    read_small,
)
from accio.content.errors import BlobMissing, StoreUnusable
from accio.content.folder import SHARED, BlobFolder, Incoming, NotAFile
from accio.content.sharing import is_copied, is_in_place
from accio.content.writing import DigestingWriter, require

IN_MEMORY = 1 << 20
"""A blob below this size is handled as one piece of memory."""


class FolderStore:
    """A store in a folder. Any number of processes and threads may use one folder at once.

    *sync*: a put returns when the blob would survive the loss of power (without it: the death of any process).
    *writable* false is for a reader that may not change the folder: uses aren't noted, damaged blobs are reported but
    stay. Opening a folder for writing makes it if need be, and removes what dead writers left; *unlocked* insists on
    one without locks, as file systems need that hosts share.
    """

    def __init__(self, folder: Path, *, sync: bool = False, writable: bool = True, unlocked: bool = False) -> None:
        self._folder = BlobFolder(folder, sync=sync, writable=writable, unlocked=unlocked)
        self._moved: list[BlobFolder] = []  # what was moved away while it was in use
        if writable:
            self.sweep()

    def __enter__(self) -> "FolderStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        kind = " sync" if self._folder.sync else ""
        return f"<FolderStore {self._folder.path}{kind}{'' if self._folder.writable else ' read-only'}>"

    @property
    def folder(self) -> Path:
        """Where the store is."""
        return self._folder.path

    def is_in_place(self) -> bool:
        """Return whether the store's path still leads here; not so once the folder was moved away, or put back from a
        copy.
        """
        return is_in_place(self.folder, self._folder.fd)

    def require_in_place(self) -> None:
        """Go on in the folder that the path leads to, if that is this store mounted anew or put back from a copy;
        raises StoreUnusable if it is another one, or none: what is stored here now would be lost.
        """
        if self.is_in_place():
            return
        if not is_copied(self.folder, self._folder.fd):
            raise StoreUnusable(
                f"the store's folder {self.folder} was moved, removed or replaced while it was in use: put it back, or "
                f"start the daemon again"
            )
        self._moved.append(self._folder)  # not closed before the end: others may be using it
        self._folder = BlobFolder(self.folder, sync=self._folder.sync, writable=self._folder.writable)

    def close(self) -> None:
        """Close the folder. Readers that are open stay so."""
        for folder in (self._folder, *self._moved):
            folder.close()

    # -- looking

    def has(self, digests: Iterable[Digest], *, use: bool = False) -> dict[Digest, int]:
        """Return which of the digests are there, with their sizes. *use* counts as a use: `delete` then spares them."""
        if use:
            with self._folder.explained("read"), self._folder.locked(SHARED):
                return self._sizes(digests, use=True)
        with self._folder.explained("read"):
            return self._sizes(digests, use=False)

    def list(self) -> Iterator[Blob]:
        """Yield all blobs, in no order; what comes and goes meanwhile may be listed or not."""
        with self._folder.explained("listed"):
            for name, found in self._folder.names():
                if is_digest(digest := PREFIX + name):
                    yield Blob(digest=Digest(digest), size=found.st_size, last_use_ns=found.st_mtime_ns)

    @property
    def has_addresses(self) -> bool:
        """Whether blobs can be read or written elsewhere: not in a folder."""
        return False

    def address(self, digest: Digest, *, write: bool) -> str | None:
        """Return None: whoever doesn't see the folder asks its owner."""
        return None

    # -- writing

    def writer(self, expected: Digest | None = None) -> "FolderWriter":
        """Begin to receive a blob; *expected* is the digest it was announced under."""
        return FolderWriter(self._folder, expected)

    def put(self, data: Bytes, expected: Digest | None = None) -> Stored:
        """Store bytes; raises DigestMismatch, StoreFull."""
        digest = digest_bytes(data)
        require(expected, digest)
        with self._folder.explained("written"):
            if self._folder.take(hex_of(digest), size=len(data)):
                return Stored(digest=digest, size=len(data), new=False)
        with FolderWriter(self._folder, digest) as writer:
            writer.write_hashed(data)
            return writer.publish(digest, len(data))

    def put_file(
        self, fd: int, *, size: int, expected: Digest | None = None, progress: Progress | None = None
    ) -> Stored:
        """Store what an open file holds from its position on; raises DigestMismatch, StoreFull.

        A large file is copied by the kernel (sharing the blocks where the file system can), and then the copy is
        digested: so the digest is that of the bytes that are stored, whatever happens to the file meanwhile.
        """
        if size < IN_MEMORY and (data := read_small(fd, size)) is not None:
            if progress is not None:
                progress(len(data))
            return self.put(data, expected)
        with FolderWriter(self._folder, expected) as writer:
            writer.copy(fd, size)
            digest, size = writer.digest_written(progress)
            require(expected, digest)
            return writer.publish(digest, size)

    def adopt(self, place: bytes) -> Stored | None:
        """Make a file a blob without copying it; None, with nothing done but to its mode, where that isn't safe.

        For who owns the file and needs it for nothing else: it can't be written to any more. See `adopting`.
        """
        with self._folder.explained("written"):
            return adopt(self._folder, place)

    def delete(self, blob: Blob) -> bool:
        """Delete a blob unless it was used since it was listed so; false if it was, or is gone."""
        with self._folder.explained("written"):
            return self._folder.remove(hex_of(blob.digest), last_use_ns=blob.last_use_ns)

    def sweep(self) -> int:
        """Remove what dead writers left; the number of files."""
        with self._folder.explained("swept"):
            return self._folder.sweep()

    def clear_quarantine(self, *, before_ns: int) -> int:
        """Remove blobs that were quarantined before a time (epoch); the number of bytes."""
        with self._folder.explained("swept"):
            return self._folder.clear_quarantine(before_ns=before_ns)

    # -- reading

    def read(self, digest: Digest) -> bytes:
        """Return the blob, verified; raises BlobMissing."""
        with self.open(digest) as file:
            try:
                data = file.read()
            except OSError as error:
                raise self._damaged(digest, file.fileno(), _reason(error)) from error
            if (found := digest_bytes(data)) != digest:
                raise self._damaged(digest, file.fileno(), f"its content has the digest {found}")
            return data

    def open(self, digest: Digest) -> BinaryIO:
        """Return the blob, **not** verified: for callers that verify what they made of it; raises BlobMissing."""
        try:
            with self._folder.explained("read"):
                fd = self._folder.open(hex_of(digest))
        except NotAFile as error:
            with self._folder.explained("written"):
                self._folder.quarantine(hex_of(digest), inode=None)
            raise self._missing(digest, "something else than a file stood in its place") from error
        if fd is None:
            raise BlobMissing(digest, f"the store in {self.folder} lacks {digest}")
        return os.fdopen(fd, "rb")

    def open_verified(self, digest: Digest) -> BinaryIO:
        """Return the blob, read and verified as a whole before this returns; raises BlobMissing."""
        file = self.open(digest)
        try:
            if os.fstat(file.fileno()).st_size < IN_MEMORY:
                with file:
                    return BytesIO(self.read(digest))
            self._verify(digest, file.fileno())
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def verify(self, digest: Digest) -> None:
        """Read the blob; raises BlobMissing, and takes it away if it is damaged."""
        with self.open(digest) as file:
            self._verify(digest, file.fileno())

    # -- inside

    def _sizes(self, digests: Iterable[Digest], *, use: bool) -> dict[Digest, int]:
        found = ((digest, self._folder.stat(hex_of(digest), use=use)) for digest in digests)
        return {digest: seen.st_size for digest, seen in found if seen is not None and stat.S_ISREG(seen.st_mode)}

    def _verify(self, digest: Digest, fd: int) -> None:
        try:
            found, _ = digest_fd(fd, size=os.fstat(fd).st_size)
        except OSError as error:
            raise self._damaged(digest, fd, _reason(error)) from error
        if found != digest:
            raise self._damaged(digest, fd, f"its content has the digest {found}")

    def _damaged(self, digest: Digest, fd: int, why: str) -> BlobMissing:
        with self._folder.explained("written"):
            self._folder.quarantine(hex_of(digest), inode=os.fstat(fd).st_ino)
        return self._missing(digest, why)

    def _missing(self, digest: Digest, why: str) -> BlobMissing:
        what = "it was moved to the folder quarantine" if self._folder.writable else "it was not served"
        message = (
            f"the blob {digest} in the store {self.folder} is damaged ({why}): {what}; what made it must run again"
        )
        return BlobMissing(digest, message, quarantined=self._folder.writable)


class FolderWriter(DigestingWriter):
    """A blob on its way into a FolderStore."""

    def __init__(self, folder: BlobFolder, expected: Digest | None) -> None:
        super().__init__(expected)
        self._folder = folder
        with folder.explained("written"):
            self._incoming: Incoming | None = folder.begin()

    def discard(self) -> None:
        """Forget what was written. After a commit it does nothing."""
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            with self._folder.explained("written"):
                self._folder.drop(incoming)

    def write_hashed(self, data: Bytes) -> None:
        """Write bytes that were digested elsewhere."""
        with self._folder.explained("written"):
            write_all(self._fd, data)

    def copy(self, source: int, size: int) -> None:
        """Copy an open file from its position to its end."""
        with self._folder.explained("written"):
            copy_fd(source, self._fd, size=size)

    def digest_written(self, progress: Progress | None) -> tuple[Digest, int]:
        """Return the digest and the size of what has been written."""
        with self._folder.explained("read"):
            size = os.lseek(self._fd, 0, os.SEEK_END)
            os.lseek(self._fd, 0, os.SEEK_SET)
            return digest_fd(self._fd, size=size, progress=progress)

    def publish(self, digest: Digest, size: int) -> Stored:
        """Make the blob appear under its digest, which the caller vouches for."""
        with self._folder.explained("written"):
            new = self._folder.publish(self._active, hex_of(digest), size=size)
        self._incoming = None
        return Stored(digest=digest, size=size, new=new)

    @property
    def _active(self) -> Incoming:
        if self._incoming is None:
            raise ValueError("this writer has been committed or discarded")
        return self._incoming

    @property
    def _fd(self) -> int:
        return self._active.fd


def _reason(error: OSError) -> str:
    return f"it can't be read: {(error.strerror or str(error)).lower()}"
