"""What tells that commits are missing: a seal in the database, and how far it had come, beside it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from accio.errors import FailedPrecondition
from accio_daemon.checking import check_folder
from accio_daemon.core.effects import Effects
from accio_daemon.storage.file.database import FILE_NAME, prepare
from accio_daemon.storage.file.history import taken_up
from accio_daemon.storage.file.seal import SEAL_NAME, Seal, find_damage, find_gap
from accio_daemon.storage.upkeep.backup import back_up
from accio_daemon.storage.writing.rendering import render
from accio_daemon.storage.writing.transactions import carry_out
from tests.integration.daemon.harness import configured

COMMITS = 20


def _commit(connection: sqlite3.Connection, seal: Seal, number: int) -> None:
    def job(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('note', ?)", (number,))

    carry_out(connection, render(Effects(), {}), [job], None, seal)


def _work(folder: Path, commits: int = COMMITS) -> tuple[sqlite3.Connection, Seal]:
    """Open a folder's database, as the daemon does, and commit."""
    file = folder / FILE_NAME
    connection = prepare(file)
    with taken_up(connection, file, set_back=bool(find_gap(connection, file))):
        pass
    seal = Seal(connection, file)
    for number in range(commits):
        _commit(connection, seal, number)
    return connection, seal


def _killed(folder: Path, name: str) -> Path:
    """Copy a folder as a daemon that is killed leaves it."""
    left = folder.with_name(name)
    left.mkdir()
    for file in folder.iterdir():
        (left / file.name).write_bytes(file.read_bytes())
    return left


def _gap(folder: Path) -> str:
    with closing(prepare(folder / FILE_NAME)) as connection:
        return find_gap(connection, folder / FILE_NAME)


def _flip_a_bit(folder: Path) -> None:
    log = folder / f"{FILE_NAME}-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 3] ^= 1
    log.write_bytes(content)


def _drop_the_log(folder: Path) -> None:
    (folder / f"{FILE_NAME}-wal").unlink()


def _drop_the_database(folder: Path) -> None:
    for file in folder.glob(f"{FILE_NAME}*"):
        file.unlink()


@pytest.mark.parametrize("damage", [_flip_a_bit, _drop_the_log, _drop_the_database])
def test_lost_commits_are_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """A flipped bit in the log, a log or a database that is gone is noticed once; starts go on."""
    data = tmp_path / "data"
    data.mkdir()
    before, seal = _work(data, 0)
    before.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(COMMITS):
        _commit(before, seal, number)
    left = _killed(data, "left")
    assert _gap(_killed(left, "whole")) == ""
    damage(left)
    assert "that had been committed" in _gap(left)
    assert "20" in _gap(left)
    for connection, life in (_work(left, 1), _work(left, 1)):
        connection.close()
        life.close()
    assert _gap(left) == ""
    before.close()
    seal.close()


def test_a_log_that_held_everything_is_missed(tmp_path: Path) -> None:
    """A young database whose log is deleted is one of ours with everything missing, not one of another program."""
    data = tmp_path / "data"
    data.mkdir()
    before, seal = _work(data)
    left = _killed(data, "left")
    _drop_the_log(left)
    assert "20 transactions that had been committed are missing" in _gap(left)
    before.close()
    seal.close()


def test_an_older_copy_is_told(tmp_path: Path) -> None:
    """A backup that somebody copied into the database's place lacks what came after it, and `check` says so."""
    data = configured(tmp_path).data
    data.mkdir(parents=True, exist_ok=True)
    connection, seal = _work(data)
    back_up(data / FILE_NAME, tmp_path / "night.db")
    _commit(connection, seal, 99)
    connection.close()
    seal.close()
    assert check_folder(configured(tmp_path)) == []
    (data / FILE_NAME).write_bytes((tmp_path / "night.db").read_bytes())
    (problem,) = check_folder(configured(tmp_path))
    assert problem.startswith("the last 1 of 21 transactions that had been committed are missing")


@pytest.mark.parametrize("replaced", [True, False])
def test_a_database_that_vanishes_ends_its_daemon(tmp_path: Path, replaced: bool) -> None:
    """What would be written into a file that nobody finds again is refused, and nothing of it is acknowledged."""
    connection, seal = _work(tmp_path)
    file = tmp_path / FILE_NAME
    content = file.read_bytes()
    file.unlink()
    if replaced:
        (tmp_path / "other").write_bytes(content)
        (tmp_path / "other").rename(file)
    with pytest.raises(FailedPrecondition, match="was removed or replaced while the daemon ran"):
        _commit(connection, seal, 99)
    connection.close()
    seal.close()


def test_a_log_that_is_cut_ends_its_daemon(tmp_path: Path) -> None:
    """A log that is cut under the daemon is noticed without a commit; the next life says how much is missing."""
    connection, seal = _work(tmp_path)
    (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match="was cut or removed while the daemon ran"):
            seal.refuse_if_gone()
    left = _killed(tmp_path, "left")
    assert f"{COMMITS} transactions that had been committed are missing" in _gap(left)
    connection.close()
    seal.close()


def test_a_database_that_becomes_read_only_is_told(tmp_path: Path) -> None:
    """What is open is written still; that the next daemon can't is said once, and again if it happens again."""
    connection, seal = _work(tmp_path)
    file = tmp_path / FILE_NAME
    with capture_logs() as logs:
        for mode in (0o400, 0o600, 0o400):
            file.chmod(mode)
            _commit(connection, seal, mode)
            seal.refuse_if_gone()
    assert [each["what_now"] for each in logs] == [f"chmod u+w {file}"] * 2
    connection.close()
    seal.close()


def test_a_log_that_a_checkpoint_emptied_ends_nothing(tmp_path: Path) -> None:
    """Somebody else's checkpoint, which leaves all commits in the database, is no damage."""
    connection, seal = _work(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    seal.refuse_if_gone()
    _commit(connection, seal, 99)
    seal.refuse_if_gone()
    connection.close()
    seal.close()


def _spoil_an_index(file: Path) -> None:
    """Change what a row is found by, but not its index, as a flipped bit does."""
    content = file.read_bytes()
    first = content.index(b"spoilt-here")
    file.write_bytes(content[:first] + b"S" + content[first + 1 :])


def test_a_backup_tells_of_damage(tmp_path: Path) -> None:
    """A copy of a database with a flipped bit is made, and what is wrong with it is told."""
    connection, seal = _work(tmp_path)
    _commit(connection, seal, 99)
    connection.execute("INSERT INTO meta VALUES ('spoilt-here', 1)")
    connection.close()
    seal.close()
    assert back_up(tmp_path / FILE_NAME, tmp_path / "sound.db").problems == ()
    _spoil_an_index(tmp_path / FILE_NAME)
    made = back_up(tmp_path / FILE_NAME, tmp_path / "night.db")
    assert made.bytes == (tmp_path / "night.db").stat().st_size
    assert "meta" in made.problems[0]


def test_a_damaged_seal_is_told(tmp_path: Path) -> None:
    """A file without any seal that can be read tells nothing of missing commits, and that itself is told."""
    connection, seal = _work(tmp_path)
    connection.close()
    seal.close()
    database = tmp_path / FILE_NAME
    assert find_damage(database) == ""
    file = tmp_path / SEAL_NAME
    file.write_bytes(b"?" * len(file.read_bytes()))
    assert find_gap(None, database) == ""
    assert "is damaged" in find_damage(database)
    file.write_bytes(bytes(256))
    assert find_damage(database) == ""  # as it is made
    file.unlink()
    assert find_damage(database) == ""


def test_a_transaction_that_fails_is_not_sealed(tmp_path: Path) -> None:
    """What was rolled back counts nowhere."""
    connection, seal = _work(tmp_path)

    def fail(connection: sqlite3.Connection) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        carry_out(connection, render(Effects(), {}), [fail], None, seal)
    assert find_gap(connection, tmp_path / FILE_NAME) == ""
    _commit(connection, seal, 99)
    assert find_gap(connection, tmp_path / FILE_NAME) == ""
    connection.close()
    seal.close()
