"""Datasets that are written out for operators."""

from pathlib import Path

import pytest

from accio.content.datasets import put_tree
from accio.content.digest import Digest
from accio.content.store import FolderStore
from accio_agent.agent.staging.cache import SPARED_S, trim
from accio_agent.agent.staging.written_out import WrittenOut


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def put(store: FolderStore, tmp_path: Path, text: str) -> Digest:
    (tmp_path / "file").write_text(text)
    return put_tree(store, tmp_path / "file", now_ns=1).digest


async def nothing_lacks(digest: Digest) -> None:
    del digest


async def test_what_is_unused_for_longest_goes_first(store: FolderStore, tmp_path: Path) -> None:
    """Beyond the limit unused datasets are removed; one that is in use stays, however large."""
    written = WrittenOut(tmp_path / "written", limit=25)
    digests = [put(store, tmp_path, f"content {number}!") for number in range(4)]
    paths = []
    for digest in digests[:2]:
        paths.append(await written.take(digest, store, nothing_lacks))
        await written.free(digest)
    paths.append(await written.take(digests[2], store, nothing_lacks))
    assert [path.exists() for path in paths] == [False, True, True]
    paths.append(await written.take(digests[3], store, nothing_lacks))
    assert [path.exists() for path in paths] == [False, False, True, True]
    assert await written.take(digests[2], store, nothing_lacks) == paths[2]
    assert written.size == 20


async def test_a_copy_that_was_changed_is_written_anew(store: FolderStore, tmp_path: Path) -> None:
    """Whoever takes a dataset finds its content, whatever the reader before did to the files."""
    written = WrittenOut(tmp_path / "written")
    digest = put(store, tmp_path, "content")
    path = await written.take(digest, store, nothing_lacks)
    path.chmod(0o644)
    path.write_text("spoiled")
    assert (await written.take(digest, store, nothing_lacks)).read_text() == "content"


async def test_a_name_is_kept_and_nothing_beside_it(store: FolderStore, tmp_path: Path) -> None:
    """A named file is written under its name, one content under several; what was left beside it goes with it."""
    written = WrittenOut(tmp_path / "written")
    digest = put(store, tmp_path, "content")
    first = await written.take(f"{digest}/table.csv.gz", store, nothing_lacks)
    other = await written.take(f"{digest}/table.txt", store, nothing_lacks)
    assert [first.name, other.name] == ["table.csv.gz", "table.txt"]
    assert first.read_text() == other.read_text() == "content"
    first.with_name("table.csv.gz.idx").write_text("an index")
    again = await written.take(f"{digest}/table.csv.gz", store, nothing_lacks)
    assert [path.name for path in again.parent.iterdir()] == ["table.csv.gz"]


async def test_what_is_lacking_is_completed(store: FolderStore, tmp_path: Path) -> None:
    """A dataset that the store doesn't have, or has damaged, is brought there first."""
    written = WrittenOut(tmp_path / "written")
    other = FolderStore(tmp_path / "other")
    digest = put(other, tmp_path, "content")

    async def complete(digest: Digest) -> None:
        for blob in list(other.list()):
            store.put(other.read(blob.digest), blob.digest)
        assert store.has([digest])

    path = await written.take(digest, store, complete)
    path.unlink()
    for blob in list(store.list()):
        place = next(store.folder.rglob(blob.digest.removeprefix("blake3:")))
        place.chmod(0o644)
        place.write_bytes(b"x" * blob.size)
    assert (await written.take(digest, store, complete)).read_text() == "content"


async def test_an_earlier_life_leaves_nothing(tmp_path: Path) -> None:
    """What an agent before wrote out is removed at the start."""
    (tmp_path / "written").mkdir()
    (tmp_path / "written" / "old").write_text("old")
    WrittenOut(tmp_path / "written")
    assert list((tmp_path / "written").iterdir()) == []


def test_the_cache_is_bounded(store: FolderStore) -> None:
    """Beyond the limit the blobs used longest ago go, but none that was used lately."""
    digests = [store.put(bytes([number]) * 10).digest for number in range(4)]
    newest = max(blob.last_use_ns for blob in store.list())
    assert trim(store, now_ns=newest, limit=20) == 0
    later = newest + (SPARED_S + 1) * 1_000_000_000
    assert trim(store, now_ns=later, limit=25) == 20
    assert len(store.has(digests)) == 2
    assert trim(store, now_ns=later, limit=25) == 0
