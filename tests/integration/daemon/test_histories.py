"""A database has an identity of its own: kept over restarts, renewed for whatever was put in its place."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from accio.one_error import most_telling
from accio.v1 import agents_pb2
from accio_daemon.bootstrap import SetBackError
from accio_daemon.core.history import RENEWED_AHEAD, History
from accio_daemon.core.numbering import ATTEMPT_BITS
from accio_daemon.storage.file import history
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.file.history import MARKER_NAME, taken_up
from accio_daemon.storage.file.seal import SEAL_NAME
from accio_daemon.storage.upkeep.backup import back_up
from tests.integration.daemon.harness import Serving, configured, refused, serving
from tests.integration.daemon.scripted_agent import OPERATORS, ScriptedAgent, hello, joined
from tests.integration.daemon.workflows import PAIR

HELD = agents_pb2.HeldAttempt


def opened(folder: Path) -> History:
    """Open the database of a folder as the daemon does, and close it again."""
    with closing(prepare(folder / FILE_NAME)) as connection, taken_up(connection, folder / FILE_NAME) as found:
        connection.execute("INSERT INTO meta VALUES ('epoch', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
        return found.history


def epoch(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return int(connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0])


def backed_up(folder: Path) -> Path:
    back_up(folder / FILE_NAME, folder / "copy")
    return folder / "copy"


def copied(folder: Path) -> Path:
    return Path(shutil.copy(folder / FILE_NAME, folder / "copy"))


def test_a_restart_keeps_it(tmp_path: Path) -> None:
    """The same file opened again, however often, has the same history; another folder has another one."""
    first = opened(tmp_path)
    assert [opened(tmp_path) for _ in range(3)] == [first] * 3
    (tmp_path / "other").mkdir()
    assert opened(tmp_path / "other").id != first.id


@pytest.mark.parametrize("copy", [backed_up, copied])
@pytest.mark.parametrize("overwritten", [False, True])
def test_a_copy_put_back_begins_another(tmp_path: Path, copy: Callable[[Path], Path], *, overwritten: bool) -> None:
    """Whether it replaces the file or its content: a copy that is put back gets a new identity, and higher numbers."""
    first = opened(tmp_path)
    found = copy(tmp_path)
    if overwritten:
        opened(tmp_path)  # what is cp-ed over the file keeps its inode; it is told by an opening that is past
        shutil.copyfile(found, tmp_path / FILE_NAME)
    else:
        found.replace(tmp_path / FILE_NAME)
    second = opened(tmp_path)
    assert second.id != first.id
    assert epoch(tmp_path) == second.since >= RENEWED_AHEAD
    assert opened(tmp_path) == second


def test_a_number_of_an_inode_that_is_used_again_misleads_nobody(tmp_path: Path) -> None:
    """File systems give the number of a deleted file to the next one; when that was made tells it from the first."""
    first = opened(tmp_path)
    shutil.copy(tmp_path / FILE_NAME, tmp_path / "copy")
    (tmp_path / FILE_NAME).unlink()
    shutil.copy(tmp_path / "copy", tmp_path / FILE_NAME)
    assert opened(tmp_path).id != first.id


def test_a_cloned_folder_begins_another(tmp_path: Path) -> None:
    """Two copies of one data folder are two histories from then on; the first one goes on."""
    (tmp_path / "one").mkdir()
    first = opened(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert opened(tmp_path / "two").id != first.id
    assert opened(tmp_path / "one") == first


def test_a_database_made_anew_begins_another(tmp_path: Path) -> None:
    """A database that is made where another one was begins with higher numbers, for agents that know no histories."""
    first = opened(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    second = opened(tmp_path)
    assert second.id != first.id
    assert second.since >= RENEWED_AHEAD


def test_a_database_of_the_version_before_goes_on(tmp_path: Path) -> None:
    """One without an identity gets one with its numbers, for its agents hold work of it."""
    with closing(prepare(tmp_path / FILE_NAME)) as connection:
        connection.execute("INSERT INTO meta VALUES ('epoch', 7)")
    assert opened(tmp_path).since == 0
    assert epoch(tmp_path) == 8


def test_a_death_before_the_commit_changes_nothing(tmp_path: Path) -> None:
    """A daemon that dies between marker and database finds its own history at its next start."""
    first = opened(tmp_path)

    def cut_short() -> None:
        with closing(prepare(tmp_path / FILE_NAME)) as connection, taken_up(connection, tmp_path / FILE_NAME):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    assert opened(tmp_path) == first


def test_a_death_behind_the_commit_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that dies between database and marker finds its own history, too."""
    first = opened(tmp_path)
    write, writes = history._write, 0

    def dying(marker: Path, openings: list[tuple[str, str]]) -> bool:
        nonlocal writes
        writes += 1
        if writes == 2:
            raise KeyboardInterrupt
        return write(marker, openings)

    with monkeypatch.context() as patched:
        patched.setattr(history, "_write", dying)
        with pytest.raises(KeyboardInterrupt):
            opened(tmp_path)
    assert opened(tmp_path) == first


def test_a_disk_that_refuses_the_marker_is_served(tmp_path: Path) -> None:
    """Where the marker can't be written, the daemon goes on with the history that it has."""
    first = opened(tmp_path)
    (tmp_path / f"{MARKER_NAME}.new").mkdir()
    assert [opened(tmp_path), opened(tmp_path)] == [first, first]


async def greeted(daemon: Serving, **fields: Any) -> agents_pb2.DaemonMessage:
    """Say hello, and give the answer."""
    call = daemon.agents.Connect()
    await call.write(agents_pb2.AgentMessage(hello=hello("m1", OPERATORS, **fields)))
    answer: agents_pb2.DaemonMessage = await call.read()
    call.cancel()
    return answer


async def test_holdings_of_another_history_are_sent_away(daemon: Serving, agent: ScriptedAgent) -> None:
    """An agent that holds something of another history isn't let in: it is told to come back without."""
    own = agent.welcomed.result().history
    assert len(own) == 32
    held = [HELD(attempt=1 << ATTEMPT_BITS, state=HELD.FINISHED)]
    answer = await greeted(daemon, history="f" * 32, held=held)
    assert answer.goodbye.reconnect
    assert answer.goodbye.history == own
    assert (await greeted(daemon, history=own, held=held)).welcome.history == own
    assert (await greeted(daemon)).welcome.history == own


async def test_an_old_agent_drops_what_was_before_a_restore(tmp_path: Path) -> None:
    """An agent that knows no histories holds work of a restored database's past: it is dropped, and executed again."""
    config = configured(tmp_path)
    async with serving(config) as daemon, joined(daemon.agents, behaviour=None) as agent:
        await daemon.push(PAIR)
        run = await daemon.submit({"workflow": "pair"})
        work = await agent.work.get()
        back_up(config.database, tmp_path / "copy")
    (tmp_path / "copy").replace(config.database)
    held = [HELD(attempt=work.attempt, state=HELD.FINISHED)]
    async with serving(config) as daemon, joined(daemon.agents, behaviour=None, held=held) as agent:
        assert list(agent.welcomed.result().drop) == [work.attempt]
        again = await agent.work.get()
        assert (again.node, again.attempt >> ATTEMPT_BITS >= RENEWED_AHEAD) == (f"{run.id}/First", True)


async def test_a_start_that_a_folder_lost_begins_another_history(tmp_path: Path) -> None:
    """An agent tells back a start that the database doesn't know: the daemon ends, and the next has another identity.

    Starts that it knows, and what nobody could prove, end nothing.
    """
    config = configured(tmp_path)
    async with serving(config) as daemon, joined(daemon.agents) as agent:
        first = agent.welcomed.result()
    kept = {name: (tmp_path / name).read_bytes() for name in (FILE_NAME, MARKER_NAME, SEAL_NAME)}
    async with serving(config) as daemon, joined(daemon.agents, start=first.start) as agent:
        lost = agent.welcomed.result()
        assert (lost.history, lost.start == first.start) == (first.history, False)
    for name, content in kept.items():
        (tmp_path / name).write_bytes(content)

    async def set_back() -> None:
        async with serving(config) as daemon:
            for told in (first.start, lost.start[:-1], "x.1.y.z"):
                async with joined(daemon.agents, start=told) as agent:
                    assert agent.welcomed.result().history == first.history
            async with refused(grpc.StatusCode.UNAVAILABLE, "set back"), joined(daemon.agents, start=lost.start):
                pass

    with pytest.raises(ExceptionGroup) as ended:
        await set_back()
    assert isinstance(most_telling(ended.value), SetBackError)
    async with serving(config) as daemon, joined(daemon.agents, start=lost.start) as agent:
        assert agent.welcomed.result().history != first.history
