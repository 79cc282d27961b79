"""The agent's cache of content is bounded: what was used longest ago goes first. The daemon's store has it all."""

from collections.abc import Container, Iterable

from accio.content.blobs import Blob
from accio.content.digest import Digest
from accio.content.store import FolderStore

LIMIT = 16 << 30
TRIM_EVERY_S = 300.0
SPARED_S = 600
"""What was used so recently may belong to an attempt that is on its way: it stays, whatever the size."""


def drop(store: FolderStore, blobs: Iterable[Blob], *, but: Container[Digest], used_before_ns: int) -> int:
    """Delete those of the blobs that weren't used since then and aren't among *but*; the number of bytes."""
    going = (blob for blob in blobs if blob.last_use_ns < used_before_ns and blob.digest not in but)
    return sum(blob.size for blob in going if store.delete(blob))


def trim(store: FolderStore, *, now_ns: int, limit: int = LIMIT) -> int:
    """Delete the blobs used longest ago until the rest is within the limit; the number of bytes."""
    blobs = sorted(store.list(), key=lambda blob: blob.last_use_ns)
    excess = sum(blob.size for blob in blobs) - limit
    freed = 0
    for blob in blobs:
        if freed >= excess or blob.last_use_ns > now_ns - SPARED_S * 1_000_000_000:
            break
        if store.delete(blob):
            freed += blob.size
    return freed
