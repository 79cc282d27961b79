"""Where the daemon keeps blobs: in its data folder, in a folder that hosts share, or in an object store."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from accio.content.blobs import BlobStore
from accio.content.objects import ObjectStore
from accio.content.remote import open_remote
from accio.content.sharing import claim_folder, publish_nonce
from accio.content.store import FolderStore
from accio_daemon.config import Config
from accio_daemon.engine.ports import Clock

_NS_PER_MS = 1_000_000


class Shared(NamedTuple):
    """By what agents recognise the store's folder, if they see it."""

    folder: str
    nonce: str


@contextmanager
def open_store(config: Config, clock: Clock) -> Iterator[BlobStore]:
    """Open the store for a while; raises AccioError with what is wrong."""
    if not config.objects:
        sync = config.synchronous == "FULL"
        with FolderStore(config.store, sync=sync, unlocked=config.is_shared) as folder:
            if config.is_shared:
                claim_folder(config.store, _owner(config.data / "store.owner"))
            yield folder
        return
    with ObjectStore(
        open_remote(config.objects),
        config.objects,
        config.data / "scratch",
        owner=_owner(config.data / "store.owner"),
        now_ns=lambda: clock.now().wall_ms * _NS_PER_MS,
    ) as objects:
        yield objects


def share(config: Config) -> Shared:
    """Return by what agents recognise the store's folder, made anew; an object store has none."""
    return Shared("", "") if config.objects else Shared(str(config.store), publish_nonce(config.store))


def _owner(file: Path) -> str:
    """Return the text by which this data folder's daemon is known in a store of its own; the first time, make it."""
    if not file.exists():
        draft = file.with_suffix(".draft")
        draft.write_text(secrets.token_hex(16), encoding="ascii")
        draft.replace(file)
    return file.read_text(encoding="ascii")
