"""The store in an object store, on a real S3 server: whole and right, or not there."""

import itertools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from accio.channels import Door
from accio.content.blobs import BlobStore, Stored
from accio.content.datasets import contents, materialise, put_tree
from accio.content.digest import Digest, digest_bytes, hex_of
from accio.content.errors import BlobMissing, DigestMismatch, StoreAway, StoreUnusable
from accio.content.objects import IN_MEMORY, PART, ObjectStore
from accio.content.remote import open_remote, reason_of
from accio.content.store import FolderStore
from accio.errors import AccioError
from accio.v1 import artifacts_pb2
from accio_agent.agent.link.transfer import Transfer
from tests.acceptance.s3 import KEY, S3, SECRET, s3_server
from tests.integration.agent.fake_daemon import FakeDaemon

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

DATA = b"some bytes"
DIGEST = digest_bytes(DATA)
BIG = bytes(range(256)) * (2 * IN_MEMORY // 256)
HUGE = bytes(range(255)) * ((2 * PART + 12_345) // 255)
MISSING = digest_bytes(b"not there")
prefixes = itertools.count()
ticks = itertools.count(10**18)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3") / "server") as found:
        yield found


@pytest.fixture
def environment(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


def opened(server: S3, prefix: str, scratch: Path, owner: str = "me") -> ObjectStore:
    url = server.url(prefix)
    return ObjectStore(open_remote(url), url, scratch, owner=owner, now_ns=lambda: next(ticks))


@pytest.fixture
def prefix() -> str:
    return f"store-{next(prefixes)}"


@pytest.fixture
def store(environment: S3, prefix: str, tmp_path: Path) -> Iterator[ObjectStore]:
    with opened(environment, prefix, tmp_path / "scratch") as found:
        yield found
    assert list((tmp_path / "scratch").iterdir()) == []


def damage(server: S3, prefix: str, digest: Digest, data: bytes) -> None:
    """Write other bytes in a blob's place."""
    import obstore

    name = hex_of(digest)
    obstore.put(server.remote(prefix), f"blobs/{name[:2]}/{name}", data)


def put_bytes(store: ObjectStore, data: bytes, tmp_path: Path, expected: Digest | None = None) -> Stored:
    del tmp_path
    return store.put(data, expected)


def put_pieces(store: ObjectStore, data: bytes, tmp_path: Path, expected: Digest | None = None) -> Stored:
    del tmp_path
    with store.writer(expected) as writer:
        for start in range(0, len(data), 100_000):
            writer.write(data[start : start + 100_000])
        return writer.commit()


def put_file(store: ObjectStore, data: bytes, tmp_path: Path, expected: Digest | None = None) -> Stored:
    source = tmp_path / "source"
    source.write_bytes(data)
    with source.open("rb") as file:
        return store.put_file(file.fileno(), size=len(data), expected=expected)


Put = Callable[[ObjectStore, bytes, Path, Digest | None], Stored]


@pytest.mark.parametrize("put", [put_bytes, put_pieces, put_file])
@pytest.mark.parametrize("data", [b"", DATA, BIG, HUGE], ids=["empty", "small", "big", "in parts"])
def test_what_is_put_can_be_read(store: ObjectStore, put: Put, data: bytes, tmp_path: Path) -> None:
    """Whatever the size and the way, the bytes are there under their digest; a second put stores nothing."""
    digest = digest_bytes(data)
    assert put(store, data, tmp_path, digest) == Stored(digest=digest, size=len(data), new=True)
    assert put(store, data, tmp_path, None) == Stored(digest=digest, size=len(data), new=False)
    assert store.read(digest) == data
    with store.open_verified(digest) as verified, store.open(digest) as file:
        assert verified.read() == data
        assert file.read() == data
    assert store.has([digest, MISSING]) == {digest: len(data)}
    assert [(blob.digest, blob.size) for blob in store.list()] == [(digest, len(data))]


def test_it_is_a_blob_store(store: ObjectStore) -> None:
    """It can stand wherever a store is asked for."""
    port: BlobStore = store
    assert port.has([]) == {}


@pytest.mark.parametrize("put", [put_bytes, put_pieces, put_file])
def test_content_that_is_not_what_was_announced_is_refused(store: ObjectStore, put: Put, tmp_path: Path) -> None:
    """Nothing appears under either digest."""
    with pytest.raises(DigestMismatch):
        put(store, DATA, tmp_path, MISSING)
    assert store.has([DIGEST, MISSING]) == {}


@pytest.mark.parametrize("data", [DATA, BIG], ids=["small", "big"])
def test_a_damaged_blob_is_never_served(
    store: ObjectStore, environment: S3, prefix: str, data: bytes, tmp_path: Path
) -> None:
    """It is put aside and missing; putting it again heals."""
    import obstore

    digest = store.put(data).digest
    damage(environment, prefix, digest, data[:-1] + b"!")
    with pytest.raises(BlobMissing) as raised:
        store.open_verified(digest)
    assert raised.value.quarantined
    with pytest.raises(BlobMissing):
        store.verify(digest)
    aside = [each["path"] for page in obstore.list(environment.remote(prefix), "quarantine") for each in page]
    assert [path.rpartition("/")[2].partition("-")[0] for path in aside] == [hex_of(digest)]
    assert put_pieces(store, data, tmp_path).new
    assert store.read(digest) == data


def test_what_is_missing(store: ObjectStore) -> None:
    """Every way of reading says so, even where the blob was known to be there."""
    import obstore

    for read in (store.read, store.open, store.open_verified, store.verify):
        with pytest.raises(BlobMissing, match="lacks blake3:"):
            read(MISSING)
    store.put(BIG)
    digest = digest_bytes(BIG)
    obstore.delete(store._remote, f"blobs/{hex_of(digest)[:2]}/{hex_of(digest)}")
    with pytest.raises(BlobMissing):
        store.open_verified(digest)
    assert store.has([digest]) == {}


def test_what_was_used_since_it_was_listed_is_not_deleted(store: ObjectStore, tmp_path: Path) -> None:
    """By a look that counts, or by a put; other looks don't count."""
    store.put(DATA)
    uses: list[Callable[[], object]] = [
        lambda: store.has([DIGEST], use=True),
        lambda: put_bytes(store, DATA, tmp_path),
        lambda: put_pieces(store, DATA, tmp_path),
    ]
    for use in uses:
        (blob,) = store.list()
        use()
        assert not store.delete(blob)
    (blob,) = store.list()
    store.has([DIGEST])
    assert store.delete(blob)
    assert not store.delete(blob)
    assert store.has([DIGEST]) == {}


def test_what_was_there_counts_as_used_at_the_opening(
    store: ObjectStore, environment: S3, prefix: str, tmp_path: Path
) -> None:
    """Nobody knows any more who uses it: so work that began before the opening keeps it."""
    store.put(DATA)
    before = next(ticks)
    with opened(environment, prefix, tmp_path / "scratch") as again:
        (blob,) = again.list()
        assert blob.last_use_ns > before
        assert again.delete(blob)


def test_datasets_go_in_and_out(store: ObjectStore, tmp_path: Path) -> None:
    """A folder's manifest and files are found as such, and written out again."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_bytes(DATA)
    (folder / "b").write_bytes(BIG)
    stored = put_tree(store, folder, now_ns=1)
    found = contents(store, [blob.digest for blob in store.list()])
    assert {digest: set(files) for digest, files in found.items()} == {stored.digest: {DIGEST, digest_bytes(BIG)}}
    materialise(store, stored.digest, tmp_path / "out")
    assert (tmp_path / "out" / "b").read_bytes() == BIG


def test_another_owners_store_is_refused(environment: S3, store: ObjectStore, prefix: str, tmp_path: Path) -> None:
    """Two daemons would delete each other's blobs. The words say how a store is handed over."""
    assert store.has([]) == {}
    with pytest.raises(StoreUnusable, match=f"belongs to another daemon: .* delete the object .*{prefix}/owner"):
        opened(environment, prefix, tmp_path / "other", owner="another")


def test_errors_quote_no_credentials(
    environment: S3, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong key, a server that is away, a bucket that isn't there: told in words of ours, with no key in them."""
    caplog.set_level(logging.DEBUG)
    said = []
    with monkeypatch.context() as changed:
        changed.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
        with pytest.raises(StoreUnusable, match="credentials come from the environment") as refused:
            opened(environment, prefix, tmp_path)
        said.append(str(refused.value))
    with monkeypatch.context() as changed:
        changed.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
        with pytest.raises(StoreAway, match="it can't be reached") as away:
            opened(environment, prefix, tmp_path)
        said.append(str(away.value))
    with monkeypatch.context() as changed:
        changed.delenv("AWS_ALLOW_HTTP")
        with pytest.raises(StoreAway, match="it isn't encrypted, which AWS_ALLOW_HTTP=true allows") as plain:
            opened(environment, prefix, tmp_path)
        said.append(str(plain.value))
    for secret in (KEY, SECRET, "a-wrong-secret"):
        assert not any(secret in each for each in [*said, caplog.text])


def test_a_daemon_without_credentials_says_so() -> None:
    """Where the environment has none, a cloud's machines are asked for their role's: what those say is no reason."""
    error = Exception("Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token - 403 Forbidden")
    assert "there are no credentials in the environment" in reason_of(error)


class Signing(FakeDaemon):
    """A daemon that signs addresses, and notes what passes through it all the same."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__()
        self.blobs = store
        self.passed: list[str] = []
        self.spoil = False

    async def Missing(self, request: artifacts_pb2.MissingRequest, context: Any) -> artifacts_pb2.MissingResponse:  # noqa: N802
        del context
        there = self.blobs.has([Digest(digest) for digest in request.digests], use=True)
        return artifacts_pb2.MissingResponse(digests=[each for each in request.digests if each not in there])

    async def Locate(self, request: artifacts_pb2.LocateRequest, context: Any) -> artifacts_pb2.LocateResponse:  # noqa: N802
        del context
        answer = artifacts_pb2.LocateResponse(ever=self.blobs.has_addresses)
        for digest in request.digests:
            url = self.blobs.address(Digest(digest), write=request.write)
            if url is not None:
                url = url.replace("X-Amz-Signature=", "X-Amz-Signature=0") if self.spoil else url
                answer.locations.add(digest=digest, url=url)
        return answer

    async def Write(self, request_iterator: Any, context: Any) -> artifacts_pb2.WriteResponse:  # noqa: N802
        del context
        async for chunk in request_iterator:
            self.passed.append(chunk.digest)
            self.blobs.put(chunk.data)
        return artifacts_pb2.WriteResponse()

    async def Read(self, request: artifacts_pb2.ReadRequest, context: Any) -> Any:  # noqa: N802
        del context
        self.passed.append(request.digest)
        yield artifacts_pb2.ReadChunk(data=self.blobs.read(Digest(request.digest)))


async def test_agents_reach_the_object_store_without_the_daemon(
    store: ObjectStore, environment: S3, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By addresses for minutes, without credentials; what fails that way goes through the daemon, and no address is
    logged.
    """
    for name in environment.environment:
        monkeypatch.delenv(name)
    daemon = Signing(store)
    await daemon.start()
    transfer = Transfer(Door(daemon.address, None), lambda: None)
    big, empty = digest_bytes(BIG), digest_bytes(b"")
    with FolderStore(tmp_path / "one") as one, FolderStore(tmp_path / "two") as two, capture_logs() as said:
        for data in (DATA, BIG, b""):
            one.put(data)
        await transfer.send([DIGEST, big, empty], one)
        assert store.has([DIGEST, big, empty]) == {DIGEST: len(DATA), big: len(BIG), empty: 0}
        await transfer.fetch([DIGEST, big, empty], two)
        assert (two.read(DIGEST), two.read(big), two.read(empty)) == (DATA, BIG, b"")
        assert (daemon.passed, said) == ([], [])
        # From here on something is wrong with the direct way.
        daemon.spoil = True
        other = one.put(b"more").digest
        await transfer.send([other], one)
        await transfer.fetch([other], two)
        daemon.spoil = False
        third = store.put(b"third").digest
        damage(environment, prefix, third, b"wrong")
        with pytest.raises(AccioError):
            await transfer.fetch([third], two)
        assert two.has([other, third]) == {other: 4}
        assert daemon.passed == [other, other, third]
    assert [each["reason"] for each in said] == ["HTTP 403", "HTTP 403", "DigestMismatch"]
    assert "X-Amz" not in str(said)
    await transfer.close()
    await daemon.stop()
