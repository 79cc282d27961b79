"""The store in a folder: whole and right, or not there."""

import errno
import fcntl
import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import ModuleType

import pytest

from accio.content import folder as files_of_a_store
from accio.content.blobs import Blob, BlobStore, Stored
from accio.content.digest import CHUNK, Digest, digest_bytes, hex_of
from accio.content.errors import BlobMissing, DigestMismatch, StoreUnusable
from accio.content.sharing import publish_nonce
from accio.content.store import IN_MEMORY, FolderStore
from tests.unit.content.trees import open_files

DATA = b"some bytes"
DIGEST = digest_bytes(DATA)
BIG = bytes(range(256)) * (2 * IN_MEMORY // 256)
BIG_DIGEST = digest_bytes(BIG)


@pytest.fixture(params=["", "sync", "unlocked"])
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderStore]:
    files = open_files()
    unlocked = request.param == "unlocked"
    if unlocked:
        without_locks(monkeypatch)
        monkeypatch.setattr(files_of_a_store, "ABANDONED_NS", 0)
    with FolderStore(tmp_path / "store", sync=request.param == "sync", unlocked=unlocked) as store:
        yield store
        assert list((store.folder / "incoming").iterdir()) == []
    assert open_files() == files


ONLY_WITH_LOCKS = pytest.mark.parametrize("store", ["", "sync"], indirect=True)


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every lock fail as on a file system that has none."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def place_of(store: FolderStore, digest: Digest) -> Path:
    return store.folder / "blobs" / hex_of(digest)[:2] / hex_of(digest)


def put_bytes(store: FolderStore, data: bytes, expected: Digest | None = None) -> Stored:
    return store.put(data, expected)


def put_pieces(store: FolderStore, data: bytes, expected: Digest | None = None) -> Stored:
    with store.writer(expected) as writer:
        for start in range(0, len(data), 1000):
            writer.write(data[start : start + 1000])
        return writer.commit()


def put_file(store: FolderStore, data: bytes, expected: Digest | None = None) -> Stored:
    source = store.folder / "source"
    source.write_bytes(data)
    with source.open("rb") as file:
        stored = store.put_file(file.fileno(), size=len(data), expected=expected)
    source.unlink()
    return stored


every_put = pytest.mark.parametrize("put", [put_bytes, put_pieces, put_file])
Put = Callable[..., Stored]


def test_it_is_a_blob_store(store: FolderStore) -> None:
    """The folder keeps to the port."""
    port: BlobStore = store
    assert list(port.list()) == []


@every_put
@pytest.mark.parametrize("data", [b"", DATA, BIG, BIG + b"x" * (8 * CHUNK)], ids=["empty", "small", "big", "huge"])
def test_what_is_put_can_be_read(store: FolderStore, put: Put, data: bytes) -> None:
    """Each way of putting gives the blob back by each way of reading; a second time nothing is new."""
    digest = digest_bytes(data)
    assert put(store, data) == Stored(digest=digest, size=len(data), new=True)
    assert put(store, data, digest) == Stored(digest=digest, size=len(data), new=False)
    assert store.read(digest) == data
    with store.open(digest) as plain, store.open_verified(digest) as verified:
        assert plain.read() == verified.read() == data
    assert store.has([digest, DIGEST]) == {digest: len(data)} | ({DIGEST: len(DATA)} if data == DATA else {})
    assert [(blob.digest, blob.size) for blob in store.list()] == [(digest, len(data))]


@every_put
def test_a_blob_is_read_only(store: FolderStore, put: Put) -> None:
    """Nobody writes to a blob by accident."""
    put(store, BIG)
    assert stat.S_IMODE(place_of(store, BIG_DIGEST).stat().st_mode) == 0o444


@every_put
@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "big"])
def test_content_that_is_not_what_was_announced_is_refused(store: FolderStore, put: Put, data: bytes) -> None:
    """A digest that isn't the content's is refused, and nothing is kept under either."""
    announced = digest_bytes(b"something else")
    with pytest.raises(DigestMismatch, match=f"announced as {announced} has the digest {digest_bytes(data)}"):
        put(store, data, announced)
    assert list(store.list()) == []


def test_a_writer_that_is_not_committed_leaves_nothing(store: FolderStore) -> None:
    """What isn't committed disappears, and can't be gone on with."""
    with store.writer() as writer:
        writer.write(DATA)
    with pytest.raises(ValueError, match="committed or discarded"):
        writer.write(DATA)
    assert list(store.list()) == []


def test_what_is_missing(store: FolderStore) -> None:
    """Each way of reading what isn't there says so, with the digest."""
    for read in (store.read, store.open, store.open_verified, store.verify):
        with pytest.raises(BlobMissing, match=f"lacks {DIGEST}") as caught:
            read(DIGEST)
        assert (caught.value.digest, caught.value.quarantined) == (DIGEST, False)
    assert store.has([DIGEST], use=True) == {}


def flip_a_bit(place: Path) -> None:
    place.chmod(0o644)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)


def truncate(place: Path) -> None:
    os.truncate(place, place.stat().st_size // 2)


def empty(place: Path) -> None:
    os.truncate(place, 0)


def link_to_the_content(place: Path) -> None:
    copy = place.parent.parent.parent / "copy"
    copy.write_bytes(place.read_bytes())
    place.unlink()
    place.symlink_to(copy)


def link_to_nothing(place: Path) -> None:
    place.unlink()
    place.symlink_to("/nowhere")


def make_fifo(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def make_folder(place: Path) -> None:
    place.unlink()
    (place / "x").mkdir(parents=True)


def make_socket(place: Path) -> None:
    place.unlink()
    here = Path.cwd()
    os.chdir(place.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(place.name)
    finally:
        os.chdir(here)


DAMAGE = [flip_a_bit, truncate, empty, link_to_the_content, link_to_nothing, make_fifo, make_folder, make_socket]
every_damage = pytest.mark.parametrize("damage", DAMAGE)


@every_damage
@pytest.mark.parametrize("way", ["read", "open_verified", "verify"])
@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "big"])
def test_a_damaged_blob_is_never_served(
    store: FolderStore, damage: Callable[[Path], None], way: str, data: bytes
) -> None:
    """Whatever isn't the blob's content is taken from its place and reported missing; then it can be put again."""
    digest = store.put(data).digest
    damage(place_of(store, digest))
    with pytest.raises(BlobMissing, match="damaged") as caught:
        getattr(store, way)(digest)
    assert caught.value.quarantined
    assert store.has([digest]) == {}
    assert len(list((store.folder / "quarantine").iterdir())) == 1
    assert store.put(data).new
    assert store.read(digest) == data


@pytest.mark.parametrize("damage", [damage for damage in DAMAGE if damage is not flip_a_bit])
@every_put
def test_putting_heals(store: FolderStore, damage: Callable[[Path], None], put: Put) -> None:
    """What can't be the blob (by its size or kind) doesn't keep a put from storing it."""
    put(store, BIG)
    damage(place_of(store, BIG_DIGEST))
    assert put(store, BIG).new
    assert store.read(BIG_DIGEST) == BIG


def test_a_link_in_place_of_a_folder_of_blobs_is_not_followed(store: FolderStore, tmp_path: Path) -> None:
    """A link planted higher up leads nowhere: the store stops with an error."""
    store.put(DATA)
    shard = place_of(store, DIGEST).parent
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    for act in (store.read, store.verify, lambda digest: store.has([digest]), lambda _: store.put(DATA)):
        with pytest.raises(StoreUnusable):
            act(DIGEST)


def test_quarantine_spares_a_blob_that_was_put_again(store: FolderStore) -> None:
    """Who found damage takes away what it read, not the good blob that has replaced it."""
    store.put(DATA)
    flip_a_bit(place_of(store, DIGEST))
    with store.open(DIGEST) as damaged:
        place_of(store, DIGEST).unlink()
        store.put(DATA)
        store._damaged(DIGEST, damaged.fileno(), "")
    assert store.read(DIGEST) == DATA


def test_quarantine_can_be_cleared(store: FolderStore) -> None:
    """What was quarantined before a time is removed."""
    store.put(DATA)
    flip_a_bit(place_of(store, DIGEST))
    with pytest.raises(BlobMissing):
        store.read(DIGEST)
    assert store.clear_quarantine(before_ns=0) == 0
    assert store.clear_quarantine(before_ns=2**63) == len(DATA)
    assert list((store.folder / "quarantine").iterdir()) == []


def listed(store: FolderStore) -> Blob:
    (blob,) = store.list()
    return blob


def make_older(store: FolderStore, digest: Digest) -> Blob:
    """Set a blob's last use to long ago."""
    os.utime(place_of(store, digest), ns=(0, 1_000_000_000))
    return listed(store)


def test_delete(store: FolderStore) -> None:
    """A blob that wasn't used since it was listed is deleted, once; who has it open goes on reading."""
    store.put(DATA)
    blob = listed(store)
    with store.open(DIGEST) as reader:
        assert store.delete(blob)
        assert reader.read() == DATA
    assert not store.delete(blob)
    assert list(store.list()) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.has([DIGEST], use=True),
        lambda store: store.put(DATA),
        lambda store: put_pieces(store, DATA),
        lambda store: put_file(store, DATA),
    ],
)
def test_what_was_used_since_it_was_listed_is_not_deleted(
    store: FolderStore, use: Callable[[FolderStore], object]
) -> None:
    """Who was told that a blob is there can rely on it."""
    store.put(DATA)
    blob = make_older(store, DIGEST)
    use(store)
    assert not store.delete(blob)
    assert store.read(DIGEST) == DATA
    assert listed(store).last_use_ns > blob.last_use_ns


def test_looking_is_not_using(store: FolderStore) -> None:
    """Reading and asking leave the last use as it is."""
    store.put(DATA)
    blob = make_older(store, DIGEST)
    store.has([DIGEST])
    store.read(DIGEST)
    assert store.delete(blob)


def test_many_writers_of_one_blob(store: FolderStore) -> None:
    """Writers that race for one digest all succeed, and there is one file."""
    start = threading.Barrier(8)

    def race(_: int) -> Stored:
        start.wait()
        return put_pieces(store, BIG)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(race, range(8)))
    assert {result.digest for result in results} == {BIG_DIGEST}
    assert listed(store).size == len(BIG)
    assert store.read(BIG_DIGEST) == BIG


def test_opening_removes_what_dead_writers_left(tmp_path: Path) -> None:
    """A file of a dead writer goes when the store is opened; that of a living one stays, however old."""
    with FolderStore(tmp_path) as store, store.writer() as writer:
        writer.write(DATA)
        (alive,) = (tmp_path / "incoming").iterdir()
        os.utime(alive, (0, 0))
        (tmp_path / "incoming" / "dead").write_bytes(b"half a bl")
        with FolderStore(tmp_path):
            assert list((tmp_path / "incoming").iterdir()) == [alive]
        assert writer.commit().new


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    """A folder that a later version made is left alone."""
    (tmp_path / "format").write_bytes(b"accio store 2\n")
    with pytest.raises(StoreUnusable, match=r"has the format b'accio store 2\\n'"):
        FolderStore(tmp_path)


def test_a_place_that_can_not_be_a_store(tmp_path: Path) -> None:
    """A file in the folder's place, or a reader of a folder that isn't there: a clear error, and nothing stays open."""
    files = open_files()
    (tmp_path / "file").write_bytes(b"")
    for writable in (True, False):
        with pytest.raises(StoreUnusable, match="can't be opened"):
            FolderStore(tmp_path / "file", writable=writable)
    with pytest.raises(StoreUnusable, match="can't be opened: no such file or directory"):
        FolderStore(tmp_path / "gone", writable=False)
    assert open_files() == files


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    """A store opened for reading finds damage, but notes no uses and moves nothing."""
    with FolderStore(tmp_path) as store:
        store.put(DATA)
        flip_a_bit(place_of(store, DIGEST))
        blob = make_older(store, DIGEST)
    with FolderStore(tmp_path, writable=False) as reader:
        assert reader.has([DIGEST], use=True) == {DIGEST: len(DATA)}
        with pytest.raises(BlobMissing, match="not served") as caught:
            reader.read(DIGEST)
        assert not caught.value.quarantined
        assert list(reader.list()) == [blob]


def test_foreign_files_are_not_blobs(store: FolderStore) -> None:
    """What others put among the blobs isn't listed."""
    store.put(DATA)
    shard = place_of(store, DIGEST).parent
    (shard / "README").write_bytes(b"")
    (shard / ("0" * 64)).write_bytes(b"")
    (shard.parent / "lost+found").mkdir()
    assert [blob.digest for blob in store.list()] == [DIGEST]


def during(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, when: object, act: Callable[[], object]
) -> Future[object]:
    """Start *act* in a thread in the midst of a step: a call whose first or last argument is *when*."""
    outcome: Future[object] = Future()
    original = getattr(module, name)

    def call(*args: object, **options: object) -> object:
        if when in {args[0], args[-1]}:
            monkeypatch.undo()
            thread = threading.Thread(target=lambda: outcome.set_result(act()), daemon=True)
            thread.start()
            wait([outcome], timeout=0.3)
        return original(*args, **options)

    monkeypatch.setattr(module, name, call)
    return outcome


@ONLY_WITH_LOCKS
def test_use_waits_for_a_deletion(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a blob in the midst of its deletion is told that it is gone, not that it was there."""
    store.put(DATA)
    blob = listed(store)
    told = during(monkeypatch, os, "unlink", hex_of(DIGEST), lambda: store.has([DIGEST], use=True))
    assert store.delete(blob)
    assert told.result(timeout=40) == {}


@ONLY_WITH_LOCKS
def test_a_deletion_waits_for_a_put(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that comes back while it is being deleted is there afterwards."""
    store.put(DATA)
    blob = listed(store)
    told = during(monkeypatch, os, "unlink", hex_of(DIGEST), lambda: store.put(DATA))
    assert store.delete(blob)
    assert told.result(timeout=40) == Stored(digest=DIGEST, size=len(DATA), new=True)
    assert store.read(DIGEST) == DATA


@ONLY_WITH_LOCKS
def test_sweeping_waits_for_a_beginning_writer(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file between its making and its locking isn't taken for a dead writer's."""
    told = during(monkeypatch, fcntl, "flock", fcntl.LOCK_EX | fcntl.LOCK_NB, store.sweep)
    with store.writer() as writer:
        assert told.result(timeout=40) == 0
        writer.write(DATA)
        assert writer.commit().new


def test_a_store_goes_on_where_it_was_put_back(tmp_path: Path) -> None:
    """What was there, and what comes, is found at the place that others look at: in a copy of the folder."""
    folder = tmp_path / "store"
    with FolderStore(folder) as store:
        publish_nonce(folder)
        first = store.put(DATA).digest
        folder.rename(tmp_path / "old")
        shutil.copytree(tmp_path / "old", folder)
        store.require_in_place()
        assert store.is_in_place()
        second = store.put(b"more").digest
        with FolderStore(folder) as other:
            assert other.has([first, second]).keys() == {first, second}
        assert [path.name for path in (tmp_path / "old/blobs").glob("*/*")] == [first.removeprefix("blake3:")]


@pytest.mark.parametrize("there", ["nothing", "an earlier copy", "another store"])
def test_a_store_does_not_go_on_in_another_folder(tmp_path: Path, there: str) -> None:
    """What its owner hasn't opened isn't its store, as an empty folder below which nothing is mounted any more."""
    folder = tmp_path / "store"
    with FolderStore(folder) as store:
        if there == "an earlier copy":
            publish_nonce(folder)
            shutil.copytree(folder, tmp_path / "copy")
        publish_nonce(folder)
        folder.rename(tmp_path / "old")
        if there == "an earlier copy":
            (tmp_path / "copy").rename(folder)
        elif there == "another store":
            FolderStore(folder).close()
            publish_nonce(folder)
        with pytest.raises(StoreUnusable, match="was moved, removed or replaced"):
            store.require_in_place()


def test_a_store_that_was_moved_is_not_in_place(tmp_path: Path) -> None:
    """A folder that was moved away, and put back as a copy, isn't the one that was opened."""
    folder = tmp_path / "store"
    with FolderStore(folder) as store:
        assert store.is_in_place()
        folder.rename(tmp_path / "old")
        assert not store.is_in_place()
        with FolderStore(folder) as other:
            assert not store.is_in_place()
            assert other.is_in_place()
