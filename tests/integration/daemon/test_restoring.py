"""`accio daemon restore`: what it puts in place, what it keeps, what it refuses."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from accio.domain.access import TokenKind
from accio.domain.people import Person
from accio.errors import AccioError
from accio_daemon.cli import main
from accio_daemon.core.history import History
from accio_daemon.restoring import restore_backup
from accio_daemon.services.transport.auth import digest_of
from accio_daemon.storage.file.database import FILE_NAME, FolderLock, prepare, schema_version
from accio_daemon.storage.file.history import taken_up
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.rows.access import StoredToken, insert_token, read_tokens, revoke_tokens
from accio_daemon.storage.upkeep.backup import back_up
from tests.deaths import dying_at_rename
from tests.integration.daemon.harness import configured


def opened(folder: Path) -> History:
    """Open a folder's database as the daemon does, and close it again."""
    with closing(prepare(folder / FILE_NAME)) as connection, taken_up(connection, folder / FILE_NAME) as found:
        return found.history


def fact(file: Path, name: str) -> object:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else found[0]


def note(folder: Path, value: str) -> None:
    """Mark the database of a folder, so that it is told from others."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('note', ?)", (value,))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a database, of which there is a backup, and which went on since."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)  # as daemons make it: they say so where it is another
    opened(folder)
    note(folder, "then")
    back_up(folder / FILE_NAME, tmp_path / "night.db")
    note(folder, "now")
    return folder


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    """Return the streams back, as this process goes on."""
    yield
    structlog.reset_defaults()


def test_a_backup_takes_the_place(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The backup is the database, under a new identity that stays; what was there is kept, and all of it is said."""
    before = opened(data)
    assert main(["restore", str(tmp_path / "night.db"), f"--data-dir={data}"]) == 0
    said = capsys.readouterr().out
    assert fact(data / FILE_NAME, "note") == "then"
    (kept,) = data.glob(f"{FILE_NAME}.replaced-*")
    assert fact(kept, "note") == "now"
    assert str(kept) in said
    assert "journals" in said
    after = opened(data)
    assert after.id != before.id
    assert after.id[:12] in said
    assert opened(data) == after
    assert fact(tmp_path / "night.db", "note") == "then"
    assert not [each.name for each in data.iterdir() if "restoring" in each.name]


def test_a_name_alone_is_one_of_the_folders_own(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`daemon backup night.db` writes into the data folder, so `daemon restore night.db` reads there, too, unless a
    file of that name is at hand.
    """
    monkeypatch.chdir(tmp_path)
    (data / "backups").mkdir()
    (tmp_path / "night.db").rename(data / "backups" / "own.db")
    assert main(["restore", "own.db", f"--data-dir={data}"]) == 0
    assert fact(data / FILE_NAME, "note") == "then"
    note(data, "here")
    back_up(data / FILE_NAME, tmp_path / "own.db")
    note(data, "later")
    assert main(["restore", "own.db", f"--data-dir={data}"]) == 0
    assert fact(data / FILE_NAME, "note") == "here"
    assert main(["restore", "none.db", f"--data-dir={data}"]) != 0
    assert f"can't read the backup {tmp_path / 'none.db'}" in capsys.readouterr().err


def test_a_log_stays_with_its_database(tmp_path: Path, data: Path) -> None:
    """What a daemon that died had in its write-ahead log is kept with its database, and never meets the restored."""
    connection = prepare(data / FILE_NAME)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('note', 'in the log')")
    shutil.copytree(data, tmp_path / "dead")
    connection.close()
    assert (tmp_path / "dead" / f"{FILE_NAME}-wal").stat().st_size
    kept = restore_backup(configured(tmp_path / "dead"), tmp_path / "night.db").kept
    assert kept is not None
    assert fact(kept, "note") == "in the log"
    assert fact(tmp_path / "dead" / FILE_NAME, "note") == "then"


def token(file: Path, secret: str, *, revoked: bool = False) -> None:
    """Keep a token in a database, or revoke one that is there."""
    stored = StoredToken(
        no=0,
        digest=digest_of(secret),
        kind=TokenKind.USER,
        owner=Person(name="Ada", email=""),
        name="",
        groups=frozenset(),
        made_with=0,
        created_ms=1,
        expires_ms=None,
    )
    with closing(sqlite3.connect(file)) as connection, connection:
        transaction = Transaction(connection)
        if revoked:
            of_secret = [each.no for each in read_tokens(connection) if each.digest == stored.digest]
            revoke_tokens(transaction, of_secret, "Ada", 7)
        else:
            insert_token(transaction, stored)


def test_what_was_revoked_stays_revoked(tmp_path: Path, data: Path) -> None:
    """A token that was revoked since the backup is still revoked; where that can't be known, it is said."""
    for secret in ("kept", "stolen"):
        token(data / FILE_NAME, secret)
    back_up(data / FILE_NAME, tmp_path / "later.db")
    token(data / FILE_NAME, "stolen", revoked=True)
    done = restore_backup(configured(data), tmp_path / "later.db")
    assert "1 tokens that were revoked since the backup stay revoked" in done.lines(tmp_path / "later.db")
    with closing(sqlite3.connect(data / FILE_NAME)) as connection:
        found = {each.digest: (each.revoked_ms, each.revoked_by) for each in read_tokens(connection)}
    assert found == {digest_of("kept"): (None, ""), digest_of("stolen"): (7, "Ada")}
    lost = restore_backup(configured(tmp_path / "elsewhere"), tmp_path / "later.db")
    assert any(line.startswith("2 tokens hold as they did") for line in lost.lines(tmp_path / "later.db"))


def test_an_empty_folder_is_filled(tmp_path: Path, data: Path) -> None:
    """On another machine, where there is no database, the backup becomes one."""
    assert restore_backup(configured(tmp_path / "new"), tmp_path / "night.db").kept is None
    assert opened(tmp_path / "new").id != opened(data).id


def test_a_backup_of_the_version_before_is_restored(tmp_path: Path) -> None:
    """A backup that has no identity yet gets one, and numbers that agents of its time don't hold."""
    with closing(prepare(tmp_path / "old.db")) as connection:
        connection.execute("INSERT INTO meta VALUES ('epoch', 3)")
        connection.execute("PRAGMA journal_mode = DELETE")
    done = restore_backup(configured(tmp_path / "data"), tmp_path / "old.db")
    found = opened(tmp_path / "data")
    assert (found.id, found.since > 1000) == (done.history, True)


@pytest.mark.parametrize("instant", range(1, 7))
def test_a_death_in_between_is_made_good(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    """Killed between any two renames, the next attempt finds either database whole, and no log of the other."""
    log = data / f"{FILE_NAME}-wal"
    log.write_bytes(b"a log")
    with dying_at_rename(monkeypatch, instant):
        restore_backup(configured(data), tmp_path / "night.db")
    done = restore_backup(configured(data), tmp_path / "night.db")
    assert fact(data / FILE_NAME, "note") == "then"
    assert not log.exists()
    assert "now" in {fact(each, "note") for each in data.glob(f"{FILE_NAME}.replaced-*") if "wal" not in each.name}
    assert opened(data).id == done.history


def _other_program(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (x)")


def _newer(file: Path) -> None:
    prepare(file).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {schema_version() + 1}")


def _damaged(file: Path) -> None:
    with closing(prepare(file)) as connection:
        connection.execute("CREATE INDEX more ON meta (value)")
        connection.execute("INSERT INTO meta VALUES ('a', 'b')")
        connection.execute("PRAGMA journal_mode = DELETE")
    content = bytearray(file.read_bytes())
    content[8192:12288] = bytes(4096)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "mentions"),
    [
        (lambda file: None, "No such file"),
        (Path.mkdir, "directory"),
        (lambda file: file.write_bytes(b""), "no backup of a daemon"),
        (lambda file: file.write_text("text" * 100), "no backup of a daemon"),
        (_other_program, "another program"),
        (_newer, "newer Accio"),
        (_damaged, "damaged"),
    ],
)
def test_what_is_no_backup_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], make: object, mentions: str
) -> None:
    """Each kind of bad file is refused in one line that names it, and the folder is as it was."""
    bad = tmp_path / "bad.db"
    make(bad)  # type: ignore[operator]  # each of them makes a file
    before = sorted((each.name, each.read_bytes()) for each in data.iterdir() if each.is_file())
    assert main([f"--data-dir={data}", "restore", str(bad)]) == 1
    said = capsys.readouterr().err
    assert mentions in said
    assert str(bad) in said
    assert said.count("\n") == 1
    after = sorted((each.name, each.read_bytes()) for each in data.iterdir() if each.is_file())
    assert [each for each in after if each[0] != "accio.lock"] == before


def test_a_folder_in_use_is_left_alone(tmp_path: Path, data: Path) -> None:
    """While a daemon runs on the folder, and for the database itself, nothing is restored."""
    with closing(FolderLock(data)), pytest.raises(AccioError, match="already used"):
        restore_backup(configured(data), tmp_path / "night.db")
    with pytest.raises(AccioError, match="the database itself"):
        restore_backup(configured(data), data / FILE_NAME)
    assert fact(data / FILE_NAME, "note") == "now"
