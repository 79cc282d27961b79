"""The identity of what a database records: made with it, renewed when the file isn't the one that was last open here.

A file that somebody put in the place of the database (a backup, a copy of the folder) goes on from an earlier state: it
would use numbers again that agents know already. So each opening of the database has a random token. It is kept in the
database and, with what tells the file from its copies, in a marker beside it; a database whose opening and file aren't
in the marker was put there by somebody, and gets a new identity. Backups are made without an opening.

The marker is written before the database and again afterwards, first with both openings, so that a daemon that dies at
any instant finds its own database again. A whole folder or machine that is set back to an earlier state, marker and
all, is told by agents that have seen a later one; see core/starts.py.
"""

import ctypes
import os
import secrets
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import structlog

from accio.late import dataclass
from accio_daemon.core.history import RENEWED_AHEAD, History
from accio_daemon.core.starts import Starts
from accio_daemon.storage.sql import load

MARKER_NAME = "accio.opened"

log = structlog.get_logger(__name__)

_SQL = load("history")
_Opening = tuple[str, str]  # its token, and the file that was opened
_HERE, _BORN = -100, 0x800  # of statx(2): AT_FDCWD, STATX_BTIME
_STATX = struct.Struct("=I76xqI")  # what it knows, and when the file was made


@dataclass(frozen=True, slots=True)
class TakenUp:
    """The history that a database goes on with; *renewed* if it isn't the one that the file came with. Its *starts*
    end with this one.
    """

    history: History
    renewed: bool
    starts: Starts


@contextmanager
def taken_up(connection: sqlite3.Connection, database: Path, *, set_back: bool = False) -> Iterator[TakenUp]:
    """Open the history of a database, in one transaction with what the caller writes in the context.

    One that was *set back*, as it lost commits, gets a new identity.
    """
    marker = database.with_name(MARKER_NAME)
    file = _file(database)
    known = _read(marker)
    connection.execute("BEGIN IMMEDIATE")
    try:
        facts = dict(connection.execute(_SQL["facts"]).fetchall())
        opened: _Opening = (facts.get("opening", ""), file)
        renewed = set_back or (opened not in known and ("history" in facts or bool(known)))
        if renewed:
            history = renew(connection)
        elif "history" in facts:
            history = History(id=str(facts["history"]), since=int(facts["history_since"]))
        else:  # just made, or by a version that knew of no histories: agents hold work of it
            history = _begin(connection, since=0)
        opening: _Opening = (secrets.token_hex(16), file)
        noted = _write(marker, [opening] if renewed else [opened, opening])
        if noted or renewed:
            connection.execute(_SQL["set_fact"], ("opening", opening[0]))
        yield TakenUp(history, renewed, _start(connection, history, facts))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if noted:
        _write(marker, [opening])


def disown(database: Path) -> None:
    """Have the next opening of a database, which was set back, begin another history."""
    database.with_name(MARKER_NAME).unlink(missing_ok=True)


def _start(connection: sqlite3.Connection, history: History, facts: Mapping[str, str | bytes | int]) -> Starts:
    """Note one more start of a history."""
    known = orjson.loads(str(facts["starts"])) if "starts" in facts else {}
    before = Starts(history=history.id, key=secrets.token_bytes(32), first=1, names=())
    if known.get("history") == history.id:
        key = bytes.fromhex(known["key"])
        before = Starts(history=history.id, key=key, first=known["first"], names=tuple(known["names"]))
    starts = before.further(secrets.token_hex(8))
    kept = {"history": history.id, "key": starts.key.hex(), "first": starts.first, "names": starts.names}
    connection.execute(_SQL["set_fact"], ("starts", orjson.dumps(kept).decode()))
    return starts


def renew(connection: sqlite3.Connection) -> History:
    """Renew the identity of a database; attempts get numbers then that it can't have given before."""
    facts = dict(connection.execute(_SQL["facts"]).fetchall())
    since = int(facts.get("epoch", 0)) + RENEWED_AHEAD
    connection.execute(_SQL["set_fact"], ("epoch", since - 1))
    return _begin(connection, since=since)


def _begin(connection: sqlite3.Connection, *, since: int) -> History:
    history = History(id=secrets.token_hex(16), since=since)
    connection.execute(_SQL["set_fact"], ("history", history.id))
    connection.execute(_SQL["set_fact"], ("history_since", since))
    return history


def begin_anew(connection: sqlite3.Connection, draft: Path, database: Path) -> History:
    """Renew the identity of *draft*, open as *connection*; it is the next database in the place of *database*.

    Nothing stays in a log: the file alone may be moved there.
    """
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("BEGIN IMMEDIATE")
    history = renew(connection)
    announce(connection, draft, database)
    connection.execute("COMMIT")
    return history


def announce(connection: sqlite3.Connection, draft: Path, database: Path) -> None:
    """Announce *draft*, open as *connection*, as the next database in the place of *database*."""
    opening = (secrets.token_hex(16), _file(draft))
    marker = database.with_name(MARKER_NAME)
    if _write(marker, [*sorted(_read(marker)), opening]):
        connection.execute(_SQL["set_fact"], ("opening", opening[0]))


def forget_opening(connection: sqlite3.Connection) -> None:
    """Mark a copy as one, wherever it is opened."""
    connection.execute(_SQL["forget_opening"])


def _file(path: Path) -> str:
    """Identify a file among its copies: by its inode, and when that was made, as numbers of inodes are used again."""
    buffer = ctypes.create_string_buffer(256)
    born = 0
    with suppress(AttributeError):  # a C library without the call
        if ctypes.CDLL(None).statx(_HERE, os.fsencode(path), 0, _BORN, buffer) == 0:
            known, *_, seconds, nanoseconds = _STATX.unpack_from(buffer)
            born = seconds * 10**9 + nanoseconds if known & _BORN else 0
    return f"{path.stat().st_ino}:{born}"


def _read(marker: Path) -> set[_Opening]:
    try:
        words = [line.split() for line in marker.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return set()
    return {(line[0], line[1]) for line in words if len(line) == 2}


def _write(marker: Path, openings: Iterable[_Opening]) -> bool:
    """Write the marker; False if the disk refuses, which is no reason not to serve."""
    draft = marker.with_name(f"{marker.name}.new")
    try:
        with draft.open("w", encoding="ascii") as file:
            file.writelines(f"{token} {opened}\n" for token, opened in openings if token)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(marker)
    except OSError as error:
        log.warning("can't note which database is open here", file=str(marker), reason=error.strerror)
        return False
    return True
