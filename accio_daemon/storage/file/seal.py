"""How far a database had come when it was last written, kept outside of it: what tells that commits are missing.

SQLite takes a write-ahead log whose end is damaged for one that ends there, and a file that is gone for one to be made.
So each transaction writes a seal with its rows: its number, and a digest that depends on all seals before. Once it is
committed, the same goes into a small file beside the database, without waiting for the disk. A file that is ahead
of its database, or disagrees with it, says that something which may have been acknowledged isn't there any more. After
a power loss it may also be ahead because commits weren't synced (`synchronous = NORMAL`); with FULL it never is.

A seal belongs to one history: a database that was put here by `accio daemon restore` begins a chain of its own.
"""

import mmap
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import structlog
from blake3 import blake3

from accio.domain.sizes import size
from accio.errors import FailedPrecondition
from accio.late import dataclass
from accio_daemon.storage.file.database import LOG_LIMIT
from accio_daemon.storage.sql import load

SEAL_NAME = "accio.seal"

log = structlog.get_logger(__name__)

_SQL = load("history")
_SLOT = 128  # bytes of the file's two places, which are written in turn
_PROOF = 8  # hexadecimal digits that tell a whole line from a torn one


@dataclass(frozen=True, slots=True)
class Mark:
    """A seal: whose it is, which transaction it ends, and its digest; number 0 before the first."""

    history: str
    number: int
    digest: str


class Seal:
    """Writes the seals of one daemon's life."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        """Go on from what the database has, whatever the file said: that must have been told before."""
        self._database = database
        self._log = os.fspath(database.with_name(f"{database.name}-wal"))
        self._place = os.fspath(database)  # both are looked at with each commit
        found = _look_at(self._place)
        self._identity = None if found is None else _identity(found)
        self._log_was = _log_size(self._log)
        self._is_read_only = False  # and told
        self._mark = self._next = _stored(connection)
        self._life = os.urandom(16)  # so that no other life goes on from the same state in the same way
        try:
            self._page = _page(database.with_name(SEAL_NAME))
        except OSError as error:
            log.warning("can't note how far the database has come", file=SEAL_NAME, reason=error.strerror)
            self._page = mmap.mmap(-1, 2 * _SLOT)
        if _newest(self._page[:]) != self._mark:
            self._page[:] = bytes(2 * _SLOT)
        self.keep()

    def refuse_if_gone(self) -> None:
        """Raise FailedPrecondition if the database isn't the file any more that was opened, or its log was cut."""
        found = _look_at(self._place)
        if found is None or _identity(found) != self._identity:
            raise FailedPrecondition(
                f"the database {self._database} was removed or replaced while the daemon ran: nothing that is written "
                "would be found again; put it back, or restore a backup (accio daemon restore FILE), then start again"
            )
        self._warn_if_read_only(found.st_mode)
        now, before = _log_size(self._log), self._log_was
        if now >= min(before, LOG_LIMIT):
            return
        if not self._is_readable():
            raise FailedPrecondition(
                f"the log {self._log} was cut or removed while the daemon ran ({size(now)} of {size(before)} left); "
                "what had been committed there can't be read any more; start again, which says how much is missing, or "
                "restore a backup (accio daemon restore FILE)"
            )
        self._log_was = now  # somebody else's checkpoint emptied it

    def _warn_if_read_only(self, mode: int) -> None:
        """Say once that the file can't be opened for writing any more."""
        read_only = not mode & stat.S_IWUSR
        if read_only and not self._is_read_only:
            log.warning(
                "the database became read-only: this daemon goes on with the file that it has open, the next one can't",
                database=str(self._database),
                mode=stat.filemode(mode),
                what_now=f"chmod u+w {self._database}",
            )
        self._is_read_only = read_only

    def _is_readable(self) -> bool:
        """Look whether the last commit is there, on a connection that remembers nothing."""
        mark = self._mark
        try:
            with closing(sqlite3.connect(f"{self._database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                found = _stored(connection)
        except sqlite3.DatabaseError:
            return False
        return found.history == mark.history and found.number >= mark.number

    def write(self, connection: sqlite3.Connection) -> None:
        """Seal the transaction that is open, if the database is still the file that it was."""
        self.refuse_if_gone()
        before = self._mark
        digest = blake3(bytes.fromhex(before.digest) + self._life).hexdigest(16)
        self._next = Mark(before.history, before.number + 1, digest)
        connection.execute(_SQL["set_fact"], ("seal", f"{self._next.number} {digest}"))

    def keep(self) -> None:
        """Note beside the database what has been committed."""
        self._mark = self._next
        start = self._mark.number % 2 * _SLOT
        self._page[start : start + _SLOT] = _line(self._mark)
        self._log_was = _log_size(self._log)

    def close(self) -> None:
        """Write no more."""
        self._page.close()


def find_gap(connection: sqlite3.Connection | None, database: Path) -> str:
    """Say what a database (None: there is none) lacks of what was committed; empty if nothing is known to be missing.

    It must be asked before the database gets a new identity.
    """
    try:
        kept = _newest(database.with_name(SEAL_NAME).read_bytes())
    except OSError:
        return ""
    if kept is None or not kept.number:
        return ""
    try:
        found = Mark("", 0, "") if connection is None else _stored(connection)
    except sqlite3.DatabaseError:  # so little is left that it is no database of ours
        found = Mark("", 0, "")
    if not found.history:
        gone = f"the database {database} is gone, or nothing is left in it"
        return f"{gone}: {kept.number} transactions that had been committed are missing"
    if found.history != kept.history or found.number > kept.number or found == kept:
        return ""
    if found.number == kept.number:
        return f"the database {database} isn't as it was last written: its last transaction is another one"
    return (
        f"the last {kept.number - found.number} of {kept.number} transactions that had been committed are missing from "
        f"{database}: runs and results that were acknowledged may be gone. Its log was damaged or cut, an older copy "
        "was put in its place, or power was lost while synchronous = NORMAL"
    )


def find_damage(database: Path) -> str:
    """Say that the file beside a database has no seal in it which can be read; empty if it has one, or never had."""
    file = database.with_name(SEAL_NAME)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{file} can't be read ({error.strerror}): whether commits are missing can't be told"
    if _newest(content) is None and content.strip(b"\0"):
        return f"{file} is damaged: whether commits are missing can't be told"
    return ""


def _page(file: Path) -> mmap.mmap:
    """Open the file as memory that outlives this process; its space is there before, so that no write finds none."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        content = os.pread(descriptor, 2 * _SLOT, 0)
        os.pwrite(descriptor, content.ljust(2 * _SLOT, b"\0"), 0)
        return mmap.mmap(descriptor, 2 * _SLOT)
    finally:
        os.close(descriptor)


def _look_at(file: str) -> os.stat_result | None:
    try:
        return os.stat(file)  # noqa: PTH116  # with each commit, and a Path takes longer than the call
    except OSError:
        return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _log_size(log: str) -> int:
    found = _look_at(log)
    return 0 if found is None else found.st_size


def _stored(connection: sqlite3.Connection) -> Mark:
    facts = dict(connection.execute(_SQL["seal_facts"]).fetchall())
    number, _, digest = str(facts.get("seal", "0 ")).partition(" ")
    return Mark(str(facts.get("history", "")), int(number), digest)


def _line(mark: Mark) -> bytes:
    text = f"{mark.history} {mark.number} {mark.digest or '-'}"
    return f"{text} {_proof(text)}".ljust(_SLOT - 1).encode() + b"\n"


def _newest(content: bytes) -> Mark | None:
    marks = [mark for start in (0, _SLOT) if (mark := _read(content[start : start + _SLOT])) is not None]
    return max(marks, key=lambda mark: mark.number, default=None)


def _read(slot: bytes) -> Mark | None:
    text, _, proof = slot.decode("ascii", "replace").strip("\0 \n").rpartition(" ")
    words = text.split(" ")
    if len(words) != 3 or proof != _proof(text):
        return None
    return Mark(words[0], int(words[1]), words[2].replace("-", ""))


def _proof(text: str) -> str:
    return blake3(text.encode()).hexdigest()[:_PROOF]
