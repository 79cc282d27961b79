"""Replies that are lost, calls that are given up, and a backup under load: everything exists once, whole, or not."""

import asyncio
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from accio.errors import AccioError, AlreadyExists
from accio_client import AsyncClient, Client
from tests.acceptance.links import proxy
from tests.acceptance.processes import Cluster, cluster, eventually
from tests.acceptance.sweeps import SQUARE, THREE, repeated, sweep_of

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]


def _begin(made: Cluster) -> str:
    """Start a cluster that knows SQUARE and THREE; gives the token."""
    made.start_daemon()
    made.start_agent("a1")
    made.agents_are("a1")
    with made.client() as client:
        client.push(SQUARE)
        client.push(THREE)
    return (made.data / "token").read_text(encoding="utf-8").split()[0]


def _square(x: int) -> dict[str, object]:
    return {"workflow": "square", "params": {"x": x}}


def test_a_lost_reply_makes_no_second_run(tmp_path: Path) -> None:
    """Whenever the reply of a Submit is lost, the client's own repetition finds the run that the first one made."""
    with cluster(tmp_path / "made") as made, proxy(made.port) as link, ThreadPoolExecutor(1) as pool:
        token = _begin(made)
        with made.client() as direct, Client(link.address, token=token, user="Me <me@example.org>") as client:
            client.list_runs()  # the connection is there before its replies are held up
            for n in range(5):
                link.hold(up=False, down=True)
                submitting = pool.submit(client.submit, _square(n))
                eventually(lambda n=n: direct.list_runs().total == n + 1, what="the run")  # type: ignore[misc]
                link.reset()
                link.heal()
                submitted = submitting.result()
                assert not submitted.created
                assert submitted.run.id == direct.list_runs().runs[0].id
                assert client.wait(submitted.run.id).state == "success"
            assert direct.list_runs().total == 5
        assert repeated(made) == {}


def test_a_key_belongs_to_one_request(tmp_path: Path) -> None:
    """A key repeats its own request only, after a restart of the daemon too; another request under it is refused."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        with made.client() as client:
            run = client.submit(_square(1), idempotency_key="k").run.id
            with pytest.raises(AlreadyExists):
                client.submit(_square(2), idempotency_key="k")
        assert made.daemon is not None
        made.daemon.kill()
        made.daemon.ended()
        made.start_daemon()
        with made.client() as client:
            again = client.submit(_square(1), idempotency_key="k")
            assert (again.run.id, again.created) == (run, False)
            with pytest.raises(AlreadyExists):
                client.submit(_square(2), idempotency_key="k")
            assert client.list_runs().total == 1


async def test_many_at_once_under_one_key(tmp_path: Path) -> None:
    """Of 50 parallel submissions under one key one makes the run; all are answered with it."""
    with cluster(tmp_path / "made") as made:
        token = await asyncio.to_thread(_begin, made)
        async with AsyncClient(made.address, token=token, user="Me <me@example.org>") as client:
            submitted = await asyncio.gather(*(client.submit(_square(1), idempotency_key="k") for _ in range(50)))
            assert len({each.run.id for each in submitted}) == 1
            assert [each.created for each in submitted].count(True) == 1
            assert (await client.list_runs()).total == 1


async def test_a_call_that_is_given_up_is_done_or_not(tmp_path: Path) -> None:
    """Submissions and kills that callers give up after moments are done whole or not at all; the next call works."""
    with cluster(tmp_path / "made") as made:
        token = await asyncio.to_thread(_begin, made)
        async with AsyncClient(made.address, token=token, user="Me <me@example.org>") as client:
            asked = answered = 0
            while asked < 100 or not answered:  # a slow machine answers none within the first 10 ms
                with suppress(TimeoutError, AccioError):
                    async with asyncio.timeout(asked / 10_000):
                        await client.submit(_square(asked))
                        answered += 1
                asked += 1
            done = (await client.list_runs(limit=1000)).runs
            assert answered <= len(done) <= asked < 1000
            for n, run in enumerate(done):
                with suppress(TimeoutError, AccioError):
                    async with asyncio.timeout(n / 10_000):
                        await client.kill([run.id])
            last = await client.submit(_square(asked))
            assert (await client.wait(last.run.id)).state == "success"
            assert {(await client.wait(run.id)).state for run in done} <= {"success", "killed"}
            assert (await client.cluster_state()).running_nodes == 0
        assert repeated(made) == {}


def _check(data: Path, made: Cluster) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "accio_daemon", "--data-dir", str(data), "check"]
    return subprocess.run(command, env=made.environment(), capture_output=True, text=True, check=False)


def test_a_backup_under_load_is_whole(tmp_path: Path) -> None:
    """A copy made during a sweep passes the check, a daemon on it finishes the sweep, and no draft is left."""
    with cluster(tmp_path / "made") as made:
        _begin(made)
        folder = made.data / "backups"
        folder.mkdir()
        with made.client() as client:
            run = client.submit(sweep_of(600)).run.id
            eventually(lambda: len(made.executed()) > 100, what="some progress")
            for n in range(3):
                client.backup(str(folder / f"{n}.db"))
            with pytest.raises(AlreadyExists):
                client.backup(str(folder / "0.db"))
            assert client.wait(run).state == "success"
        assert sorted(path.name for path in folder.iterdir()) == ["0.db", "1.db", "2.db"]
        assert repeated(made) == {}
    for n in range(3):
        restored = tmp_path / f"restored{n}"
        with cluster(restored) as made:
            made.data.mkdir(mode=0o700)
            (folder / f"{n}.db").rename(made.data / "accio.db")
            checked = _check(made.data, made)
            assert (checked.returncode, checked.stdout) == (0, "no problems found\n"), checked.stderr
            if n == 0:
                made.start_daemon()
                made.start_agent("b1")
                with made.client() as client:
                    assert client.wait(run, patience=90).state == "success"


def test_a_folder_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    """A newer schema, a foreign database, a file that is none, a folder that can't be written: one sentence each."""
    newer, foreign, none = tmp_path / "newer", tmp_path / "foreign", tmp_path / "none"
    for folder in (newer, foreign, none):
        folder.mkdir(mode=0o700)
    with cluster(tmp_path / "made") as made:
        daemon = made.start_daemon()
        daemon.kill(15)
        assert daemon.ended() == 0
        (newer / "accio.db").write_bytes((made.data / "accio.db").read_bytes())
        for folder, pragma in ((newer, "user_version = 999"), (foreign, "application_id = 1")):
            connection = sqlite3.connect(folder / "accio.db")
            connection.execute(f"PRAGMA {pragma}")
            connection.execute("CREATE TABLE IF NOT EXISTS more (x)")
            connection.commit()
            connection.close()
        (none / "accio.db").write_bytes(b"no database at all, but quite long enough to be one" * 100)
        in_the_way = tmp_path / "file"
        in_the_way.write_text("no folder")
        wanted = {
            newer: "upgrade Accio",
            foreign: "is a database of another program",
            none: "is no SQLite database",
            in_the_way: str(in_the_way),
            Path("/proc/accio"): "/proc/accio",
        }
        for folder, words in wanted.items():
            before = (folder / "accio.db").read_bytes() if folder.is_dir() else b""
            refused = made._start("refused", ["accio_daemon", "--data-dir", str(folder)], made.environment())
            assert refused.ended() == 1, (folder, refused.output())
            assert words in refused.output()
            assert "Traceback" not in refused.output()
            assert len(refused.output().splitlines()) == 1
            assert before == ((folder / "accio.db").read_bytes() if folder.is_dir() else b"")
