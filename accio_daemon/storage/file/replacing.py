"""Another file in the place of the database: whole or not at all, and the database that was there is kept.

A draft that is complete has a name of its own. From then on the exchange is finished by whoever comes next, the
daemon's start included, so that a death in between leaves neither a folder without a database nor a log beside another
one's file.
"""

from pathlib import Path

from accio_daemon.storage.file.durable import sync

_COMPLETE = "restoring"
_KEPT = "replaced"
_PARTS = ("", "-wal", "-shm")


def draft_of(database: Path, stamp: str) -> Path:
    """Return where the next database is made; *stamp*, with a number if it is taken, names it and what it replaces."""
    number, chosen = 1, stamp
    while any(database.with_name(f"{database.name}.{_KEPT}-{chosen}{part}").exists() for part in _PARTS):
        number += 1
        chosen = f"{stamp}-{number}"
    return database.with_name(f"{database.name}.{_COMPLETE}-{chosen}.part")


def put_in_place(draft: Path, database: Path) -> Path | None:
    """Put a draft, which is closed and whole, in the place of the database; return the name of what was there."""
    sync(draft)
    draft.replace(draft.with_suffix(""))
    return finish_replacing(database)


def finish_replacing(database: Path) -> Path | None:
    """Finish an exchange that was begun, if there is one. The caller holds the folder's lock."""
    prefix = f"{database.name}.{_COMPLETE}-"
    complete = sorted(path for path in database.parent.glob(f"{prefix}*") if ".part" not in path.name)
    if not complete:
        return None
    (*superseded, chosen) = complete
    for each in superseded:
        each.unlink()
    kept = database.with_name(f"{database.name}.{_KEPT}-{chosen.name.removeprefix(prefix)}")
    for part in _PARTS:
        old = database.with_name(database.name + part)
        if old.exists():
            old.replace(kept.with_name(kept.name + part))
    chosen.replace(database)
    sync(database.parent)
    return kept if kept.exists() else None
