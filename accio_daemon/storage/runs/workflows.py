"""Workflows with their versions, and the operators that were announced: reading, and the jobs that change them."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from accio.domain.people import Person
from accio.domain.workflows import Workflow
from accio.errors import AlreadyExists, FailedPrecondition, NotFound
from accio.late import dataclass
from accio_daemon.core.terms import Announced
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.rows.stored_operators import read_operator
from accio_daemon.storage.sql import load

SQL = load("workflows")
LATEST = f"{SQL['columns']} {SQL['latest']}"
VERSION = f"{SQL['columns']} {SQL['version']}"
BY_NO = f"{SQL['columns']} {SQL['by_no']}"
PAGE = f"{SQL['columns']} {SQL['page']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWorkflow:
    """A version of a workflow."""

    no: int
    workflow: Workflow
    version: str
    owner: Person
    created_ms: int
    versions: int  # how many of its id there are


def _stored(row: tuple[Any, ...]) -> StoredWorkflow:
    no, _, version, definition, owner_name, owner_email, created_at, versions = row
    return StoredWorkflow(
        no=no,
        workflow=Workflow.from_canonical_json(definition),
        version=version,
        owner=Person(name=owner_name, email=owner_email),
        created_ms=created_at,
        versions=versions,
    )


def get_workflow(connection: sqlite3.Connection, name: str, version: str | None) -> StoredWorkflow | None:
    """Read a version of a workflow; None is the latest."""
    statement = LATEST if version is None else VERSION
    row = connection.execute(statement, {"id": name, "version": version}).fetchone()
    return None if row is None else _stored(row)


def get_by_no(connection: sqlite3.Connection, no: int) -> StoredWorkflow:
    """Read the version with this number, which a run refers to."""
    return _stored(connection.execute(BY_NO, {"no": no}).fetchone())


def list_workflows(
    connection: sqlite3.Connection, before: int | None, limit: int
) -> tuple[list[StoredWorkflow], int | None]:
    """Read a page of latest versions, the newest push first; return the key of the next page too."""
    rows = connection.execute(PAGE, {"before": 2**62 if before is None else before, "limit": limit + 1}).fetchall()
    found = [_stored(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return found, None
    return found, connection.execute(SQL["pushed"], {"id": found[-1].workflow.id}).fetchone()[0]


def first_owner(connection: sqlite3.Connection, name: str) -> Person | None:
    """Read who owns the oldest version of a workflow; None if there is none."""
    row = connection.execute(SQL["first_owner"], {"id": name}).fetchone()
    return None if row is None else Person(name=row[0], email=row[1])


def names(connection: sqlite3.Connection, name: str) -> tuple[list[str], list[str]]:
    """Return ids of workflows, and the versions of one, for suggestions."""
    ids = [row[0] for row in connection.execute(SQL["ids"])]
    return ids, [row[0] for row in connection.execute(SQL["versions"], {"id": name})]


def history(connection: sqlite3.Connection, name: str, limit: int) -> list[tuple[str, int]]:
    """Return the versions of a workflow with when they were created, the newest first."""
    return connection.execute(SQL["history"], {"id": name, "limit": limit}).fetchall()


def push(
    transaction: Transaction, workflow: Workflow, definition: str, version: str, owner: Person, now_ms: int
) -> tuple[StoredWorkflow, bool]:
    """Store a version (its canonical JSON and name) if it is new, and make it the latest; return whether it was new.

    Nothing large is parsed or rendered here: commits wait for this job.
    """
    key = {"id": workflow.id, "version": version}
    row = transaction.execute(VERSION, key).fetchone()
    new = row is None
    if new:
        fields = {
            **key,
            "definition": definition,
            "name": workflow.name or "",
            "notes": workflow.notes or "",
            "owner_name": owner.name,
            "owner_email": owner.email,
            "created_at": now_ms,
        }
        transaction.execute(SQL["insert"], fields)
        row = transaction.execute(VERSION, key).fetchone()
    no, _, _, known, owner_name, owner_email, created_at, versions = row
    if known != definition:
        raise AlreadyExists(f"another content of {workflow.id} has the version {version}; change the notes, say")
    transaction.execute(SQL["make_latest"], {"id": workflow.id, "no": no})
    stored = StoredWorkflow(
        no=no,
        workflow=workflow,
        version=version,
        owner=Person(name=owner_name, email=owner_email),
        created_ms=created_at,
        versions=versions,
    )
    return stored, new


def latest_no(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the number of a workflow's latest version; None if there is no such workflow."""
    row = connection.execute(SQL["latest_no"], {"id": name}).fetchone()
    return None if row is None else int(row[0])


def delete(transaction: Transaction, name: str) -> None:
    """Delete a workflow with all its versions, unless there is a run of it."""
    row = transaction.execute(SQL["run_of"], {"id": name}).fetchone()
    if row is not None:
        raise FailedPrecondition(f"workflow {name} has runs ({row[0]} is one): delete those first")
    transaction.execute(SQL["delete_head"], {"id": name})
    if transaction.execute(SQL["delete_versions"], {"id": name}).rowcount == 0:
        raise NotFound(f"there is no workflow {name!r}")


def latest_operators(connection: sqlite3.Connection) -> dict[str, Announced]:
    """Read the version of each operator that was announced last, by name."""
    return {operator.spec.name: operator for operator in _operators(connection.execute(SQL["latest_operators"]))}


def operators_by_no(connection: sqlite3.Connection, nos: Iterable[int]) -> Mapping[int, Announced]:
    """Read operator versions by their numbers."""
    wanted = {"nos": orjson.dumps(sorted(set(nos))).decode()}
    return {operator.no: operator for operator in _operators(connection.execute(SQL["operators_by_no"], wanted))}


def _operators(rows: Iterable[tuple[Any, ...]]) -> Iterable[Announced]:
    for no, spec in rows:
        yield Announced(no=no, spec=read_operator(spec))
