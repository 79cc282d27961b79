"""Databases of earlier versions become databases of this one, whole or not at all, after a copy was made."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from accio.errors import FailedPrecondition
from accio_daemon.storage.file import database
from accio_daemon.storage.file.database import APPLICATION_ID, FILE_NAME, migrations, prepare, schema_version
from accio_daemon.storage.upkeep import checks

EARLIER = range(1, schema_version() + 1)
NEXT = "CREATE TABLE later (x INTEGER NOT NULL) STRICT;\nINSERT INTO later VALUES (7);"
BROKEN = "CREATE TABLE later (x INTEGER NOT NULL) STRICT;\nINSERT INTO nowhere VALUES (7);"


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name").fetchall()


def _of_version(path: Path, version: int) -> None:
    """Make a database as an earlier version left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number, script in migrations():
            if number <= version:
                connection.executescript(script)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")


def _add(monkeypatch: pytest.MonkeyPatch, script: str) -> int:
    """Be a version that has one migration more; gives its number."""
    known = migrations()
    number = known[-1][0] + 1
    monkeypatch.setattr(database, "migrations", lambda: [*known, (number, script)])
    return number


def test_numbers_leave_no_gap() -> None:
    """Migrations are numbered from 1 without a gap, so that each version has one way to the next."""
    assert [number for number, _ in migrations()] == list(EARLIER)


def test_a_new_database_is_of_this_version(tmp_path: Path) -> None:
    """An empty folder gets a database that says whose it is, and of which version; opening it again changes nothing."""
    path = tmp_path / FILE_NAME
    with closing(prepare(path)) as connection:
        assert _version(connection) == schema_version()
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        schema = _schema(connection)
    with closing(prepare(path)) as connection:
        assert (_version(connection), _schema(connection)) == (schema_version(), schema)
    assert [each.name for each in tmp_path.iterdir() if "before" in each.name] == []


@pytest.mark.parametrize("version", EARLIER)
def test_every_earlier_schema_arrives(tmp_path: Path, version: int) -> None:
    """From each earlier schema the result is the schema of a new database."""
    with closing(prepare(tmp_path / "new.db")) as connection:
        schema = _schema(connection)
    path = tmp_path / FILE_NAME
    _of_version(path, version)
    with closing(prepare(path)) as connection:
        assert _version(connection) == schema_version()
        assert _schema(connection) == schema


@pytest.mark.parametrize("version", [1, 2])
def test_runs_stay_when_their_unused_column_goes(tmp_path: Path, version: int) -> None:
    """Version 3 dropped `runs.params`, which nothing used; every other field of a run is what it was."""
    path = tmp_path / FILE_NAME
    _of_version(path, version)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(runs)")]
        kept = {name: f"{name} of it" for name in names if name not in ("no", "params")} | {"no": 7}
        columns, marks = ", ".join(kept), ", ".join("?" * len(kept))
        insert = f"INSERT INTO runs (params, {columns}) VALUES ('{{}}', {marks})"  # noqa: S608 — names of columns
        connection.execute(insert, tuple(kept.values()))
    with closing(prepare(path)) as connection:
        connection.row_factory = sqlite3.Row
        assert [dict(row) for row in connection.execute("SELECT * FROM runs")] == [kept | {"own_nodes": 0}]


@pytest.mark.parametrize("version", EARLIER)
def test_a_copy_is_made_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """A migration leaves a copy of the database as it was."""
    path = tmp_path / FILE_NAME
    _of_version(path, version)
    number = _add(monkeypatch, NEXT)
    with closing(prepare(path)) as connection:
        assert _version(connection) == number
        assert connection.execute("SELECT x FROM later").fetchall() == [(7,)]
    with closing(sqlite3.connect(tmp_path / f"{FILE_NAME}.before-{number}")) as copy:
        assert _version(copy) == version
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_migration_is_done_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails in its midst leaves the database as it was, and can be done again."""
    path = tmp_path / FILE_NAME
    with closing(prepare(path)) as connection:
        schema = _schema(connection)
    with monkeypatch.context() as patched:
        _add(patched, BROKEN)
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            prepare(path)
    with closing(prepare(path)) as connection:
        assert (_version(connection), _schema(connection)) == (schema_version(), schema)
    number = _add(monkeypatch, NEXT)
    with closing(prepare(path)) as connection:
        assert _version(connection) == number


def test_several_migrations_are_done_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last of several migrations fails, none of them is done: they are one transaction."""
    path = tmp_path / FILE_NAME
    _of_version(path, EARLIER[0])
    with closing(sqlite3.connect(path)) as connection:
        schema = _schema(connection)
    _add(monkeypatch, BROKEN)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        prepare(path)
    with closing(sqlite3.connect(path)) as connection:
        assert (_version(connection), _schema(connection)) == (EARLIER[0], schema)


def test_power_lost_in_a_migration_leaves_it_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the log of a migration is cut, the database is of the version before, and can be migrated."""
    path, log = tmp_path / FILE_NAME, tmp_path / f"{FILE_NAME}-wal"
    with closing(prepare(path)) as connection:
        schema = _schema(connection)
    number = _add(monkeypatch, NEXT)
    connection = prepare(path)
    database, written = path.read_bytes(), log.read_bytes()
    connection.close()
    assert len(written) > 4096
    for at in range(0, len(written), 512):
        lost = tmp_path / "lost" / FILE_NAME
        lost.parent.mkdir()
        lost.write_bytes(database)
        lost.with_name(log.name).write_bytes(written[:at])
        with closing(sqlite3.connect(lost)) as found:
            assert (_version(found), _schema(found)) == (number - 1, schema)
        with closing(prepare(lost, synchronous="OFF")) as migrated:
            assert _version(migrated) == number
        shutil.rmtree(lost.parent)


def test_a_newer_database_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of a newer version is refused with what to do, and not changed."""
    path = tmp_path / FILE_NAME
    with monkeypatch.context() as patched:
        _add(patched, NEXT)
        prepare(path).close()
    before = path.read_bytes()
    with pytest.raises(FailedPrecondition, match="upgrade Accio"):
        prepare(path)
    assert path.read_bytes() == before


def test_a_check_reads_databases_from_before_the_levels(tmp_path: Path) -> None:
    """`accio daemon check` of a folder that no daemon of this version has opened finds nothing wrong with its memo."""
    path = tmp_path / FILE_NAME
    _of_version(path, 7)
    with closing(sqlite3.connect(path)) as connection:
        assert list(checks.find_problems(connection)) == []
