"""Blobs to and from an object store, at addresses that the daemon has signed.

An address is a secret for as long as it is valid: it is never logged. Those of other schemes than HTTP's are refused.
"""

# ruff: noqa: S310 - see `_request`

import http.client
import urllib.error
import urllib.request

import structlog

from accio.content.digest import Digest
from accio.content.errors import DigestMismatch
from accio.content.store import FolderStore

log = structlog.get_logger("accio.agent")

_PIECE = 1 << 20
_IDLE_S = 60.0
_LARGEST_PUT = 4 << 30  # bytes; S3 takes five at once
_SCHEMES = ("https://", "http://")


def download(url: str, digest: Digest, store: FolderStore) -> bool:
    """Read a blob into the store, verified; return whether that worked. Raises StoreFull."""
    try:
        with (
            urllib.request.urlopen(_request(url), timeout=_IDLE_S) as answer,
            store.writer(digest) as writer,
        ):
            while data := answer.read(_PIECE):
                writer.write(data)
            writer.commit()
    except (OSError, http.client.HTTPException, ValueError, DigestMismatch) as error:
        _tell("the daemon reads for this agent, as the object store can't be read", digest, error)
        return False
    return True


def upload(url: str, digest: Digest, store: FolderStore) -> bool:
    """Write a blob of the store; return whether that worked."""
    size = store.has([digest]).get(digest)
    if size is None or size > _LARGEST_PUT:
        return False
    try:
        with store.open_verified(digest) as file:
            request = _request(url, method="PUT", data=file)
            request.add_header("Content-Length", str(size))
            request.add_header("Content-Type", "application/octet-stream")
            urllib.request.urlopen(request, timeout=_IDLE_S).close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        _tell("the daemon writes for this agent, as the object store can't be written to", digest, error)
        return False
    return True


def _request(url: str, *, method: str = "GET", data: object = None) -> urllib.request.Request:
    """Return a request; ValueError for an address that leads elsewhere than over HTTP."""
    if not url.startswith(_SCHEMES):
        raise ValueError("it isn't an address of HTTP")
    return urllib.request.Request(url, method=method, data=data)  # type: ignore[arg-type]  # a file will do


def _tell(event: str, digest: Digest, error: Exception) -> None:
    """Note why a blob goes through the daemon. The error's own text may quote the address."""
    reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else type(error).__name__
    log.warning(event, digest=digest, reason=reason)
