"""`accio daemon restore`: a backup, checked, in the place of the database, under a new identity; no daemon may run."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from accio.errors import BadRequest, FailedPrecondition, ResourceExhausted
from accio.late import dataclass
from accio_daemon.bootstrap import take_folder
from accio_daemon.clock import SystemClock
from accio_daemon.config import OWN_BACKUPS, Config
from accio_daemon.storage.file.database import APPLICATION_ID, schema_version
from accio_daemon.storage.file.history import begin_anew
from accio_daemon.storage.file.replacing import draft_of, finish_replacing, put_in_place
from accio_daemon.storage.rows import access
from accio_daemon.storage.upkeep import checks

_SHOWN = 5  # problems of a backup that are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What was done; *kept* is the database that was there, *schema* and *runs* what the backup has.

    *revoked* is how many of its tokens had been revoked since, as that database says (None: it couldn't be read); the
    rest of them, *tokens*, hold.
    """

    database: Path
    kept: Path | None
    schema: int
    runs: int
    history: str
    revoked: int | None
    tokens: int

    def lines(self, backup: Path) -> list[str]:
        """Say it to whoever asked for it."""
        was = "there was no database" if self.kept is None else f"the database that was there is kept as {self.kept}"
        return [
            f"restored {backup} ({self.runs} runs, schema {self.schema}) to {self.database}; {was}",
            f"it goes on under a new identity ({self.history[:12]}): agents stop what they run, set their journals "
            "aside and begin clean by themselves; what was executed since the backup is executed again if it is needed",
            "blobs aren't part of a backup: what the store lacks is computed again; `accio daemon check` lists it",
            *self._about_tokens(),
            "start the daemon to go on",
        ]

    def _about_tokens(self) -> list[str]:
        if self.revoked is None and self.tokens:
            return [
                f"{self.tokens} tokens hold as they did when the backup was made: what was revoked since isn't known, "
                "as there is no database that tells; `accio token get` lists them, revoke those again"
            ]
        return [f"{self.revoked} tokens that were revoked since the backup stay revoked"] if self.revoked else []


def restore_backup(config: Config, backup: Path) -> Restoration:
    """Restore *backup*; an AccioError says what is wrong with it, or with the folder, and then nothing has changed."""
    backup = _found(config, backup)
    _check_file(backup)
    lock = take_folder(config)
    try:
        finish_replacing(config.database)
        if config.database.exists() and backup.samefile(config.database):
            raise BadRequest(f"{backup} is the database itself; expected a backup of it")
        moment = datetime.fromtimestamp(SystemClock().now().wall_ms / 1000, UTC)
        draft = draft_of(config.database, moment.strftime("%Y%m%dT%H%M%SZ"))
        try:
            return _restore(config.database, backup, draft)
        except OSError as error:
            raise ResourceExhausted(f"can't restore {backup} to {config.data}: {error.strerror}") from None
        finally:
            for part in ("", "-wal", "-shm", "-journal"):
                draft.with_name(draft.name + part).unlink(missing_ok=True)
    finally:
        lock.close()


def _found(config: Config, backup: Path) -> Path:
    """Return where a backup is: a name alone may be one of the data folder's own, as when it was made."""
    here, own = backup.expanduser().absolute(), config.data / OWN_BACKUPS / backup.name
    return own if len(backup.parts) == 1 and not here.exists() and own.exists() else here


def _check_file(backup: Path) -> None:
    try:
        with backup.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise BadRequest(f"can't read the backup {backup}: {error.strerror}") from None
    if head != b"SQLite format 3\0":
        raise BadRequest(f"{backup} is no backup of a daemon: expected an SQLite database, found something else")


def _restore(database: Path, backup: Path, draft: Path) -> Restoration:
    revocations = _revocations(database)
    shutil.copyfile(backup, draft)
    log = backup.with_name(f"{backup.name}-wal")  # of a database that was copied as it was
    if log.exists():
        shutil.copyfile(log, draft.with_name(f"{draft.name}-wal"))
    draft.chmod(0o600)
    with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        try:
            schema = _check(connection, backup)
            runs = checks.count_runs(connection)
            revoked, tokens = access.revoke_again(connection, revocations or ())
            history = begin_anew(connection, draft, database)
        except sqlite3.OperationalError as error:
            raise ResourceExhausted(f"can't restore {backup} to {database.parent}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise FailedPrecondition(f"the backup {backup} is damaged ({error}); restore another one") from None
    kept = put_in_place(draft, database)
    return Restoration(
        database=database,
        kept=kept,
        schema=schema,
        runs=runs,
        history=history.id,
        revoked=None if revocations is None else revoked,
        tokens=tokens,
    )


def _revocations(database: Path) -> list[access.Revocation] | None:
    """Read which tokens were revoked in the database that is there; None if there is none that can be read."""
    if not database.exists():
        return None
    beside = [database.with_name(f"{database.name}{part}") for part in ("-wal", "-shm")]
    made = [each for each in beside if not each.exists()]  # by reading, which never removes them
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return access.read_revocations(connection)
    except sqlite3.DatabaseError:
        return None
    finally:
        for each in made:
            each.unlink(missing_ok=True)


def _check(connection: sqlite3.Connection, backup: Path) -> int:
    """Return the schema of a sound backup of this program; raise what is wrong with any other."""
    application, schema = checks.read_version(connection)
    if application != APPLICATION_ID:
        raise FailedPrecondition(f"{backup} is a database of another program; expected a backup of a daemon's")
    if not 1 <= schema <= schema_version():
        raise FailedPrecondition(
            f"{backup} was written by a newer Accio (schema {schema}; this one knows up to {schema_version()}); "
            "upgrade Accio"
        )
    problems = list(checks.find_problems(connection))
    if problems:
        told = "; ".join(problems[:_SHOWN])
        raise FailedPrecondition(f"the backup {backup} is damaged ({told}); restore another one")
    return schema
