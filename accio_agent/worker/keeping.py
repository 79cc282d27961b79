"""Keeps a node's checkpoint: its folder goes into the store, and the agent is told."""

import errno
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import orjson

from accio.content.datasets import materialise, put_tree
from accio.content.digest import parse_digest
from accio.content.errors import StoreFull
from accio.content.store import FolderStore
from accio.errors import AccioError
from accio.sdk.checkpoint import CheckpointError
from accio_agent import clock
from accio_agent.protocol import frames
from accio_agent.protocol.frames import Kind


class AttemptKeeper:
    """Implements `accio.sdk.checkpoint.Keeper` for one attempt, until it ends."""

    def __init__(
        self,
        attempt: int,
        found: tuple[str, int] | None,
        store: Callable[[], FolderStore],
        send: Callable[[bytes], None],
    ) -> None:
        """*found* is the digest of what an earlier attempt saved, and which one; *send* writes a frame to the agent."""
        self._attempt = attempt
        self._found = found
        self._store = store
        self._send = send
        self._ended = False
        self._lock = threading.Lock()  # operators may save in a thread of theirs

    def restore(self, folder: Path) -> int:
        """See `Keeper`. What the store has lost is said, and the node begins anew."""
        if self._found is not None:
            digest, number = self._found
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                materialise(self._store(), parse_digest(digest), folder, writable=True)
            except AccioError as error:
                sys.stderr.write(f"accio: what attempt {number} saved can't be had ({error.message}): beginning anew\n")
            else:
                return number
        folder.mkdir(parents=True, exist_ok=True)
        return 0

    def save(self, folder: Path) -> None:
        """See `Keeper`."""
        with self._lock:
            if self._ended:
                raise CheckpointError("expected a call while the node is executed, found one after its end")
            try:
                stored = put_tree(self._store(), folder, now_ns=clock.wall_ns())
            except StoreFull as error:
                raise OSError(errno.ENOSPC, error.message) from None
            except AccioError as error:
                raise CheckpointError(error.message.removeprefix("staging: ")) from None
            content = [self._attempt, stored.digest, stored.manifest.size, clock.wall_ms()]
            self._send(frames.framed(Kind.SAVED, orjson.dumps(content)))

    def end(self) -> None:
        """Keep nothing any more: the attempt has ended."""
        with self._lock:
            self._ended = True
