"""A consistent copy of the database, made page by page while it is in use; it has its final name only once it is whole
and on disk.
"""

import os
import sqlite3
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from accio.errors import AlreadyExists, BadRequest, PermissionDenied, ResourceExhausted
from accio.late import dataclass
from accio_daemon.storage.file.durable import sync
from accio_daemon.storage.file.history import forget_opening
from accio_daemon.storage.sql import load
from accio_daemon.storage.upkeep.checks import find_problems

_BEGIN_SNAPSHOT = load("whole")["begin_snapshot"]
_PAGES = 1_000
_PAUSE_S = 0.005
_MOST_PROBLEMS = 20


def place_of(named: str, allowed: Sequence[Path]) -> Path:
    """Return where a backup goes: a name alone into the first of the allowed folders, a path where it says.

    PermissionDenied for a path outside of them all. Links are followed before that is judged.
    """
    path = Path(named)
    if "\0" in named or path.name in ("", ".."):
        raise BadRequest(f"expected a name or an absolute path for the backup, found {named[:200]!r}")
    if path.name == named:
        allowed[0].mkdir(exist_ok=True, mode=0o700)
        return allowed[0] / named
    if not path.is_absolute():
        raise BadRequest(f"expected an absolute path on the daemon's machine, found {named[:200]!r}")
    folder = path.parent.resolve()
    if not any(folder.is_relative_to(each.resolve()) for each in allowed):
        raise PermissionDenied(
            f"backups may go below {', '.join(map(str, allowed))} on the daemon's machine, not to {path}: name one of "
            "those, or start the daemon with --backups FOLDER (ACCIO_BACKUPS)"
        )
    if folder == allowed[0].resolve():
        folder.mkdir(exist_ok=True, mode=0o700)  # the daemon's own: whoever names it as the message does finds it
    return folder / path.name


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that is in its place."""

    bytes: int
    problems: tuple[str, ...]  # what is wrong with it, and so with the database


def back_up(database: Path, target: Path) -> Backup:
    """Copy *database* to *target*, which must not exist, and check the copy. Blocks: call it in a thread.

    A copy of a damaged database is made, too: it may be the last one.
    """
    if target.exists():
        raise AlreadyExists(f"{target} exists already: choose another name")
    if not target.parent.is_dir():
        raise BadRequest(f"the folder {target.parent} doesn't exist on the daemon's machine")
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        problems = _copy(database, draft)
        sync(draft)
        os.link(draft, target)  # unlike a rename it never replaces a file that came meanwhile
        sync(target.parent)
        return Backup(target.stat().st_size, problems)
    except FileExistsError:
        raise AlreadyExists(f"{target} exists already: choose another name") from None
    except (OSError, sqlite3.OperationalError) as error:
        raise ResourceExhausted(f"can't write the backup to {target}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy(database: Path, draft: Path) -> tuple[str, ...]:
    """Copy a database; return what is wrong with the copy."""
    source = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        draft.touch(mode=0o600)  # it is all that the daemon knows
        copy = sqlite3.connect(draft)
        try:
            source.execute("BEGIN")
            source.execute(_BEGIN_SNAPSHOT).fetchone()  # one snapshot for all pages
            source.backup(copy, pages=_PAGES, sleep=_PAUSE_S)
            copy.execute("PRAGMA journal_mode = DELETE")
            forget_opening(copy)  # whoever restores it begins another history
            copy.commit()
            return tuple(islice(find_problems(copy), _MOST_PROBLEMS))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            return (f"database: {error}",)
        finally:
            copy.close()
    finally:
        source.close()
