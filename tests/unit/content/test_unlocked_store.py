"""A store where locks can't be relied upon: what is used isn't deleted, what is written isn't swept."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accio.content.blobs import Blob
from accio.content.digest import Digest, digest_bytes, hex_of
from accio.content.errors import BlobMissing, StoreUnusable
from accio.content.folder import ABANDONED_NS
from accio.content.sharing import claim_folder
from accio.content.store import FolderStore
from tests.unit.content.test_store import without_locks

DATA = b"some bytes"
DIGEST = digest_bytes(DATA)


def age(path: Path, by_ns: int) -> None:
    """Make a file older."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - by_ns))


def place_of(store: FolderStore, digest: Digest) -> Path:
    """Return where a blob is."""
    return store.folder / "blobs" / hex_of(digest)[:2] / hex_of(digest)


def old_blob(store: FolderStore) -> Blob:
    """Put a blob that nobody has used for a day, and list it."""
    store.put(DATA)
    age(place_of(store, DIGEST), ABANDONED_NS + 1)
    (blob,) = store.list()
    return blob


def at_rename(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, before: bool) -> None:
    """Simulate another host that acts shortly before or after a file is renamed the next time."""
    rename = os.rename
    left = [act]

    def renaming(*args: Any, **options: Any) -> None:
        acting = left.pop() if left else None
        if acting is not None and before:
            acting()
        rename(*args, **options)
        if acting is not None and not before:
            acting()

    monkeypatch.setattr(os, "rename", renaming)


def test_every_opener_learns_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who made the folder decides, and the others need no locks, either."""
    without_locks(monkeypatch)
    with FolderStore(tmp_path / "store", unlocked=True) as store, FolderStore(tmp_path / "store") as other:
        other.put(DATA)
        assert store.read(DIGEST) == DATA


def test_a_folder_with_locks_stays_one(tmp_path: Path) -> None:
    """Others may rely on its locks."""
    FolderStore(tmp_path).close()
    with pytest.raises(StoreUnusable, match=r"made for processes of one host, .* use another folder"):
        FolderStore(tmp_path, unlocked=True)


def test_without_locks_a_store_with_them_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has none is named as the reason."""
    without_locks(monkeypatch)
    with pytest.raises(StoreUnusable, match=r"has no locks: use a folder on a local disk, or .*--store shared:FOLDER"):
        FolderStore(tmp_path)


def test_what_is_unused_for_a_day_can_go(tmp_path: Path) -> None:
    """What was used since stays, also where it was listed before."""
    with FolderStore(tmp_path, unlocked=True) as store:
        store.put(DATA)
        (young,) = store.list()
        assert not store.delete(young)
        blob = old_blob(store)
        assert store.delete(blob)
        assert list(store.list()) == []
        assert not any((tmp_path / "quarantine").iterdir())


def test_a_use_in_the_last_moment_keeps_a_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that looks a blob up after it was found unused, and before it is moved aside, has it afterwards."""
    with FolderStore(tmp_path, unlocked=True) as store, FolderStore(tmp_path) as other:
        blob = old_blob(store)
        at_rename(monkeypatch, lambda: other.has([DIGEST], use=True), before=True)
        assert not store.delete(blob)
        assert other.read(DIGEST) == DATA
        assert not any((tmp_path / "quarantine").iterdir())


def test_a_use_that_comes_too_late_puts_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that puts the same content once it was moved aside finds it missing, and writes it."""
    with FolderStore(tmp_path, unlocked=True) as store, FolderStore(tmp_path) as other:
        blob = old_blob(store)
        at_rename(monkeypatch, lambda: other.put(DATA), before=False)
        assert store.delete(blob)
        assert other.read(DIGEST) == DATA


def test_a_good_blob_is_not_put_aside_for_a_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another host replaces a damaged blob in the last moment, that one stays."""
    with FolderStore(tmp_path, unlocked=True) as store, FolderStore(tmp_path) as other:
        store.put(DATA)
        place = place_of(store, DIGEST)
        place.chmod(0o644)
        place.write_bytes(b"DAMAGED!!!")

        def replace() -> None:
            place.unlink()
            other.put(DATA)

        at_rename(monkeypatch, replace, before=True)
        with pytest.raises(BlobMissing):
            store.read(DIGEST)
        assert other.read(DIGEST) == DATA


def test_what_another_host_writes_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock isn't seen here: only what hasn't changed for a day belongs to nobody."""
    with FolderStore(tmp_path, unlocked=True) as store, store.writer() as writer:
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)  # each host takes any lock
        writer.write(DATA)
        left = tmp_path / "incoming" / "left"
        left.write_bytes(b"half a bl")
        age(left, ABANDONED_NS + 1_000_000_000)
        with FolderStore(tmp_path):
            assert not left.exists()
        assert writer.commit().new
    assert list((tmp_path / "incoming").iterdir()) == []


def test_one_daemon_deletes_there(tmp_path: Path) -> None:
    """The first that comes has the folder; another is told what to do."""
    claim_folder(tmp_path, "one")
    claim_folder(tmp_path, "one")
    with pytest.raises(StoreUnusable, match="another daemon's, which alone deletes there: use another folder"):
        claim_folder(tmp_path, "two")
    assert [path.name for path in tmp_path.iterdir()] == ["owner"]
