"""Remembering digests by signature: never wrong, bounded, and no more than a help."""

import mmap
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from accio.content.digest import Digest, digest_bytes
from accio.content.reading import changed_since_read, digest_dataset
from accio.content.signatures import RACY_WINDOW_NS, Located, SqliteSignatureCache
from accio.content.tree import Signature, scan
from accio.file_systems import keeps_times
from tests.unit.content.trees import NOW_NS, make_tree

A, B = digest_bytes(b"a"), digest_bytes(b"b")
T0 = 1_700_000_000 * 1_000_000_000
DAY_NS = 86_400 * 1_000_000_000
OLD = Signature(size=1, mtime_ns=T0, ctime_ns=T0, inode=7)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteSignatureCache]:
    with SqliteSignatureCache(tmp_path / "cache" / "signatures.db") as cache:
        yield cache


def get(cache: SqliteSignatureCache, *files: Located, now_ns: int = NOW_NS) -> list[Digest | None]:
    return cache.get(files, now_ns=now_ns)


def test_what_was_put_is_got(cache: SqliteSignatureCache) -> None:
    """The digest of a path and signature comes back; another path isn't known."""
    cache.put([((b"/x", OLD), A)], read_at_ns=NOW_NS)
    assert get(cache, (b"/x", OLD), (b"/y", OLD), (b"/x", OLD)) == [A, None, A]


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_every_part_of_the_signature_counts(cache: SqliteSignatureCache, field: str) -> None:
    """Another size, time or inode is another file."""
    cache.put([((b"/x", OLD), A)], read_at_ns=NOW_NS)
    assert get(cache, (b"/x", OLD._replace(**{field: getattr(OLD, field) + 1}))) == [None]


@pytest.mark.parametrize("field", ["mtime_ns", "ctime_ns"])
@pytest.mark.parametrize(
    ("age_ns", "kept"), [(RACY_WINDOW_NS + 1, True), (RACY_WINDOW_NS, False), (0, False), (-DAY_NS, False)]
)
def test_young_signatures_are_not_remembered(cache: SqliteSignatureCache, field: str, age_ns: int, kept: bool) -> None:
    """A file changed shortly before it was read (or in the future) may change again without a trace."""
    young = OLD._replace(**{field: NOW_NS - age_ns})
    cache.put([((b"/x", young), A)], read_at_ns=NOW_NS)
    assert get(cache, (b"/x", young)) == [A if kept else None]


def test_it_survives_its_process(tmp_path: Path) -> None:
    """What was remembered is there after closing and opening."""
    with SqliteSignatureCache(tmp_path / "c") as cache:
        cache.put([((b"/x\xff", OLD), A)], read_at_ns=NOW_NS)
    with SqliteSignatureCache(tmp_path / "c") as cache:
        assert get(cache, (b"/x\xff", OLD)) == [A]
        assert len(cache) == 1


def test_it_is_bounded_and_forgets_what_was_unused_longest(tmp_path: Path) -> None:
    """Beyond the limit the entries unused for longest go."""
    files = [(b"/%d" % n, OLD) for n in range(11)]
    with SqliteSignatureCache(tmp_path / "c", max_entries=10) as cache:
        for n, file in enumerate(files[:10]):
            cache.put([(file, A)], read_at_ns=NOW_NS + n)
        assert get(cache, files[0], now_ns=NOW_NS + 2 * DAY_NS) == [A]
        cache.put([(files[10], B)], read_at_ns=NOW_NS + 2 * DAY_NS)
        assert get(cache, *files) == [A, None, None, *[A] * 7, B]
        assert len(cache) == 9


def garble(content: bytes) -> bytes:
    return content[:4096] + b"\xee" * (len(content) - 4096)


@pytest.mark.parametrize("damage", [lambda _: b"not a database" * 100, lambda _: b"", garble])
def test_a_damaged_file_is_started_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Damage found when the file is opened costs time, nothing else."""
    path = tmp_path / "c"
    files = [(b"/%d" % n, OLD) for n in range(3000)]
    with SqliteSignatureCache(path) as cache:
        cache.put([(file, A) for file in files], read_at_ns=NOW_NS)
    path.write_bytes(damage(path.read_bytes()))
    with SqliteSignatureCache(path) as cache:
        assert get(cache, *files) == [None] * 3000
        cache.put([(files[0], B)], read_at_ns=NOW_NS)
        assert get(cache, files[0]) == [B]


def test_damage_found_while_it_is_open(tmp_path: Path) -> None:
    """Pages that turn out damaged under way make it start anew, too."""
    path = tmp_path / "c"
    files = [(b"/%d" % n, OLD) for n in range(3000)]
    with SqliteSignatureCache(path) as cache:
        cache.put([(file, A) for file in files], read_at_ns=NOW_NS)
    with SqliteSignatureCache(path) as cache:
        path.write_bytes(garble(path.read_bytes()))
        cache._db.execute("PRAGMA shrink_memory")  # so that pages are read again
        assert get(cache, *files) == [None] * 3000
        cache.put([(files[0], B)], read_at_ns=NOW_NS)
        assert get(cache, files[0]) == [B]


def test_a_locked_or_full_file_is_no_error(tmp_path: Path) -> None:
    """When the file can't be written, digests aren't remembered, and the work goes on."""
    path = tmp_path / "c"
    with SqliteSignatureCache(path) as cache:
        cache.put([((b"/x", OLD), A)], read_at_ns=NOW_NS)
        cache._db.execute("PRAGMA query_only=ON")
        cache.put([((b"/y", OLD), B)], read_at_ns=NOW_NS)
        assert get(cache, (b"/x", OLD), (b"/y", OLD)) == [A, None]
        assert len(cache) == 1
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM signatures").fetchone() == (1,)
    db.close()


class Recording:
    """A SignatureCache that records what it is asked."""

    def __init__(self) -> None:
        self.known: dict[Located, Digest] = {}
        self.asked: list[Located] = []

    def get(self, files: Sequence[Located], *, now_ns: int) -> list[Digest | None]:
        self.asked += files
        return [self.known.get(file) for file in files]

    def put(self, files: Sequence[tuple[Located, Digest]], *, read_at_ns: int) -> None:
        self.known |= dict(files)


def test_known_files_are_not_read(tmp_path: Path) -> None:
    """The second digest of an unchanged folder reads nothing; after an edit it reads the edited file only."""
    folder = make_tree(tmp_path / "d", {"a": b"1", "b/c": b"22"})
    with SqliteSignatureCache(tmp_path / "c") as cache:
        first = digest_dataset(folder, now_ns=NOW_NS, cache=cache)
        again = digest_dataset(folder, now_ns=NOW_NS, cache=cache)
        assert (first.bytes_read, again.bytes_read) == (3, 0)
        assert again.digest == first.digest
        (folder / "a").write_bytes(b"9")
        edited = digest_dataset(folder, now_ns=NOW_NS, cache=cache)
        assert edited.bytes_read == 1
        assert edited.digest == digest_dataset(folder, now_ns=NOW_NS).digest != first.digest


def test_an_edit_with_the_time_put_back_is_noticed(tmp_path: Path) -> None:
    """Same size, same inode, and mtime set back: the content counts all the same."""
    place = make_tree(tmp_path, {"a": b"1"}) / "a"
    with SqliteSignatureCache(tmp_path / "c") as cache:
        times = place.stat()
        before = digest_dataset(place, now_ns=NOW_NS, cache=cache).digest
        place.write_bytes(b"2")
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert digest_dataset(place, now_ns=NOW_NS, cache=cache).digest != before


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder on a file system in memory."""
    place = Path("/dev/shm")
    if not place.is_dir() or keeps_times(str(place)):
        pytest.skip("there is no file system in memory at /dev/shm")
    with TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map a file into memory that has been written to through that mapping before: another write leaves no trace."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[0] = ord("b")
        yield mapping


def test_what_is_mapped_in_memory_is_read_again(tmp_path: Path, in_memory: Path) -> None:
    """A file system in memory notes no time when a mapped file is written to: its content counts all the same."""
    place = make_tree(in_memory, {"a": b"a"}) / "a"
    with SqliteSignatureCache(tmp_path / "c") as cache, mapped(place) as mapping:
        seen, before = scan(place), digest_dataset(place, now_ns=NOW_NS, cache=cache)
        mapping[0] = ord("c")
        assert scan(place) == seen
        assert changed_since_read(before) == f"{place} was written to"
        assert digest_dataset(place, now_ns=NOW_NS, cache=cache).digest != before.digest


def test_what_is_written_to_while_it_is_young_is_read_again(tmp_path: Path) -> None:
    """A file that was written to just now may be written to again with no change of its times, and is told all the
    same; one that is old isn't read again.
    """
    place = make_tree(tmp_path, {"a": b"a"}) / "a"
    with mapped(place) as mapping:
        young = digest_dataset(place, now_ns=place.stat().st_ctime_ns)
        assert changed_since_read(young) is None
        mapping[0] = ord("c")
        assert str(changed_since_read(young)).startswith(f"{place} was written to")
        assert not digest_dataset(place, now_ns=NOW_NS).unsettled


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is remembered as the absolute one, so that another working folder can't confuse it."""
    monkeypatch.chdir(make_tree(tmp_path / "d", {"a": b"1"}))
    cache = Recording()
    digest_dataset("a", now_ns=NOW_NS, cache=cache)
    digest_dataset(tmp_path / "d", now_ns=NOW_NS, cache=cache)
    assert [path for path, _ in cache.asked] == [bytes(tmp_path / "d/a")] * 2
