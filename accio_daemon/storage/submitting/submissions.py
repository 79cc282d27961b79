"""What a submission needs of the past (idempotency keys, artifacts that it names), and edits of a run's metadata."""

import json
import sqlite3
from collections.abc import Iterable

import orjson

from accio.content.digest import Digest, raw_of
from accio.domain.access import Viewer
from accio.domain.datatypes import Kind
from accio.domain.named_content import content_of, name_in
from accio.errors import AccioError, AlreadyExists, NotFound
from accio_daemon.core.terms import Pin, RunNo
from accio_daemon.storage.jobs import Transaction
from accio_daemon.storage.nodes.nodes_query import places
from accio_daemon.storage.rows.access import Change
from accio_daemon.storage.runs import runs_query
from accio_daemon.storage.runs.plans import Plans
from accio_daemon.storage.runs.runs_query import Found, RunRow
from accio_daemon.storage.sql import load

SQL = load("submissions")

ARTIFACT = "accio:"


def earlier_submission(connection: sqlite3.Connection, owner: str, key: str, request: bytes) -> RunRow | None:
    """Find the run of an idempotency key; AlreadyExists if it was used for another request."""
    row = connection.execute(SQL["submission"], {"owner": owner, "key": key}).fetchone()
    if row is None:
        return None
    if row[0] != request:
        raise AlreadyExists(
            f"the idempotency key {key!r} was used for another request (blake3 {row[0].hex()[:16]}); "
            "use a new key for a new submission"
        )
    return runs_query.get_run(connection, RunNo(row[1]))


def pin_artifacts(
    connection: sqlite3.Connection, plans: Plans, texts: Iterable[str], viewer: Viewer
) -> dict[str, Pin | str]:
    """Find what texts such as `accio:RUN/NODE/PORT` stand for; a text for which there is nothing gets the reason.

    What is named by its content stands for itself: the pin keeps it from being freed.
    """
    pins: dict[str, Pin | str] = {}
    for text in texts:
        try:
            known = content_of(text) is not None
            pins[text] = _of_content(connection, text) if known else _pin(connection, plans, text, viewer)
        except AccioError as error:
            pins[text] = error.message
    return pins


def _pin(connection: sqlite3.Connection, plans: Plans, text: str, viewer: Viewer) -> Pin:
    run, node, port = text.removeprefix(ARTIFACT).split("/")
    found = runs_query.find(connection, run, viewer)
    workflow = plans.workflow(connection, found.run)
    here = places(found, workflow)
    if not here:
        raise NotFound(f"{run} is a sweep: name one of its children, as in {found.run.id}.0")
    no = next((no for no in here if workflow.graph[no].name == node), None)
    if no is None:
        names = ", ".join(workflow.graph[no].name for no in here)
        raise NotFound(f"run {found.id} has no node {node!r}; it has {names}")
    output = plans.operators(connection, found.run)[no].spec.output(port)
    if output is None or output.type.kind is not Kind.DATASET:
        raise NotFound(f"{node} of run {found.id} has no output {port!r} that is a dataset")
    row = connection.execute(SQL["outputs_of"], {"run": found.run.no, "idx": found.place, "node": no}).fetchone()
    if row is None:
        raise NotFound(f"{node} of run {found.id} has no result (the run is {found.state})")
    kept = json.loads(json.loads(row[0]).get(port, '""'))
    if content_of(kept) is None:
        raise NotFound(f"the output {port!r} of {node} of run {found.id} isn't kept")
    return _of_content(connection, kept)


def _of_content(connection: sqlite3.Connection, text: str) -> Pin:
    """Return the pin of a text that names content."""
    digest = Digest(content_of(text) or "")
    size = connection.execute(SQL["content_size"], {"digest": raw_of(digest)}).fetchone()
    return Pin(digest=digest, size=0 if size is None else size[0], name=name_in(text))


def update_metadata(
    transaction: Transaction,
    no: RunNo,
    *,
    name: str | None,
    notes: str | None,
    tags: tuple[str, ...] | None,
    change: Change,
) -> tuple[Found, bool]:
    """Set what isn't None; return the run as it is now, and whether anything differs from before.

    *change* says who does it, for the run's events.
    """
    run = runs_query.get_run(transaction, no)
    if run is None:
        raise NotFound("the run was deleted meanwhile")
    new_name = run.name if name is None else name
    new_notes = run.notes if notes is None else notes
    new_tags = run.tags if tags is None else tuple(sorted(set(tags)))
    if (new_name, new_notes, new_tags) == (run.name, run.notes, run.tags):
        return Found(run=run), False
    values = {"run": no, "name": new_name, "notes": new_notes, "tags": orjson.dumps(new_tags).decode()}
    if (new_name, new_notes) != (run.name, run.notes):
        transaction.execute(SQL["set_metadata"], values)
        transaction.execute(SQL["delete_text"], values)
        if new_name or new_notes:
            transaction.execute(SQL["insert_text"], values)
    if new_tags != run.tags:
        transaction.execute(SQL["delete_tags"], values)
        transaction.execute(SQL["insert_tags"], values)
    edited = [name for name, value in (("name", name), ("notes", notes), ("tags", tags)) if value is not None]
    values = {"run": no, "detail": f"{', '.join(edited)} edited by {change.by}", "at": change.at_ms}
    transaction.execute(SQL["insert_updated"], values)
    changed = runs_query.get_run(transaction, no)
    assert changed is not None, "it was read in this transaction"
    return Found(run=changed), True
