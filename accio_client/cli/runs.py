"""Looking at runs: `accio get runs|events`, `describe run`."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING

import click
import orjson

from accio.domain.ids import LAST, parse_reference
from accio.domain.states import RUN_TERMINAL, RunState
from accio_client.cli.acting import warn_of_fields
from accio_client.cli.output import out, table
from accio_client.cli.pairs import parameters, tag_list
from accio_client.cli.runs_shown import show_run, show_runs
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import local_time
from accio_client.cli.times import point_in_time
from accio_client.documents import document, event, run_details, run_page
from accio_client.documents import run as run_document
from accio_client.views import RunFilter, RunPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accio_client.views import EventView, RunView

PAGE = 50
AT_ONCE = 1000
_LIKE_AN_ID = 6
"""Letters and digits of a word that may be meant as the beginning of an id."""


@accio_command
@click.argument("query", nargs=-1, metavar="[QUERY]")
@click.option("--where", metavar="QUERY", default="", help="Only runs that match (docs/queries.md); as QUERY.")
@click.option("--sort", metavar="[-]COLUMN", default="", help="Sort by this column, downwards with a minus.")
@click.option("--tags", metavar="TAG,TAG...", default="", help="Only runs that have all of these tags.")
@click.option("--owner", metavar="TEXT", default="", help="Only runs whose owner's name or address contains this.")
@click.option("--state", metavar="STATE,...", default="", help="Only runs in one of these states.")
@click.option("--name", metavar="TEXT", default="", help="Only runs of exactly this name.")
@click.option("--workflow", metavar="ID[:VERSION]", default="", help="Only runs of this workflow.")
@click.option("--text", metavar="WORDS", default="", help="Only runs whose name or notes contain these words.")
@click.option("--notes", metavar="WORDS", default="", help="Only runs whose notes contain these words.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Only runs with this parameter value.")
@click.option("--parent", metavar="RUN", default="", help="The children of this run.")
@click.option("--since", metavar="TIME|SPAN", default="", help="Created at or after 2014-01-02T23:58:29Z, or 3h ago.")
@click.option("--until", metavar="TIME|SPAN", default="", help="Created before this time.")
@limited(f"List at most N; {PAGE} by default.")
@click.option("--cursor", metavar="TEXT", default="", help="Go on where the page before ended (its `next`).")
@click.option("--active/--no-active", default=False, help="Only runs that have not ended.")
@click.option("--all/--no-all", "everything", default=False, help="All runs, not only the newest.")
def get(
    session: Session,
    *,
    query: tuple[str, ...],
    where: str,
    sort: str,
    tags: str,
    owner: str,
    state: str,
    name: str,
    workflow: str,
    text: str,
    notes: str,
    params: tuple[str, ...],
    parent: str,
    since: str,
    until: str,
    limit: int | None,
    cursor: str,
    active: bool,
    everything: bool,
) -> None:
    """List runs, newest first; all filters that are given must hold.

    QUERY says which, as in `accio get runs 'state=failed epsilon<0.01 created>2d geolife'`; most options are
    shorthands of its terms.
    """
    wanted = _both((" ".join(query), where))
    if wanted and not parent:
        warn_of_fields(session, wanted)
    matching = RunFilter(
        parent=parent,
        states=_states(state, active=active),
        tags=tuple(tag_list(tags)),
        owner=owner,
        name=name,
        workflow=workflow,
        text=text,
        notes=notes,
        params=dict(parameters(params)),
        created_after=point_in_time(since, "-since"),
        created_before=point_in_time(until, "-until"),
        where=wanted,
        sort=sort,
    )
    if everything:
        _show_all(session, matching, cursor)
        return
    page = _fetch(session, matching, limit or PAGE, cursor)
    _show_page(session, query, page, children=bool(parent))


def _show_page(session: Session, query: tuple[str, ...], page: RunPage, *, children: bool) -> None:
    ids = (run.id for run in page.runs)
    session.answer(document(run_page(page)), ids, lambda: show_runs(page.runs, children=children))
    _say_what_next(session, query, page)


def _say_what_next(session: Session, query: tuple[str, ...], page: RunPage) -> None:
    """Say how the next page is listed, or what may have been meant where nothing matches."""
    if not page.runs and len(query) == 1 and _is_like_a_run(query[0]):
        session.say(f"no run matches; is it an id? {session.hint(f'describe run {query[0]}')}")
    if page.next and not session.json:
        again = f"get runs {shlex.quote(' '.join(query))}" if query else "get runs"
        more = session.hint(again, like_this=True, without=("cursor", "all"))
        session.say(f"there are more: {more} -cursor={shlex.quote(page.next)}, or -all")


def _is_like_a_run(word: str) -> bool:
    """Return whether a word that nothing matches may be meant as a run: `last`, or the beginning of an id."""
    return LAST.fullmatch(word) is not None or (len(word) >= _LIKE_AN_ID and parse_reference(word) is not None)


def _both(queries: tuple[str, str]) -> str:
    """Return the query that demands what both demand; one may be empty."""
    asked = [each for each in queries if each.strip()]
    return asked[0] if len(asked) == 1 else " ".join(f"({each})" for each in asked)


def _fetch(session: Session, matching: RunFilter, limit: int, cursor: str) -> RunPage:
    """Return at most *limit* runs, with as many calls as that takes."""
    runs: list[RunView] = []
    with session.client() as client:
        while True:
            page = client.list_runs(matching, limit=min(AT_ONCE, limit - len(runs)), cursor=cursor or None)
            runs += page.runs
            cursor = page.next or ""
            if not cursor or len(runs) >= limit:
                return RunPage(runs=tuple(runs), total=page.total, next=page.next)


def _show_all(session: Session, matching: RunFilter, cursor: str) -> None:
    """Show every run that matches, page after page: a sweep may have more children than there is memory."""
    first = True
    with session.client() as client:
        while True:
            page = client.list_runs(matching, limit=AT_ONCE, cursor=cursor or None)
            if session.json:
                documents = [orjson.dumps(run_document(run)).decode() for run in page.runs]
                between = ('{"schema": "accio/v1", "runs": [\n' if first else ",\n") if documents or first else ""
                sys.stdout.write(between + ",\n".join(documents))
            else:
                found = page.runs
                session.answer({}, (run.id for run in found), partial(show_runs, found, children=bool(matching.parent)))
            first, cursor = False, page.next or ""
            if not cursor:
                break
    if session.json:
        out(f'\n], "total": {orjson.dumps(page.total).decode()}, "next": null}}')


def _states(text: str, *, active: bool) -> tuple[RunState, ...]:
    """Return the states that are wanted; none means all."""
    wanted: set[RunState] = set()
    for word in tag_list(text):
        try:
            wanted.add(RunState(word.lower()))
        except ValueError:
            known = ", ".join(RunState)
            raise click.UsageError(f"expected a state ({known}) for -state, found {word!r}") from None
    if active:
        open_states = set(RunState) - RUN_TERMINAL
        wanted = wanted & open_states if wanted else open_states
        if not wanted:
            raise click.UsageError("-active and -state exclude each other: no run is both ended and unfinished")
    return tuple(state for state in RunState if state in wanted)


@accio_command
@click.argument("run")
def describe(session: Session, run: str) -> None:
    """Show a single run, a parent or a child: RUN is an id or an unambiguous beginning of one."""
    with session.client() as client:
        found = client.get_run(run)
    session.answer(document(run_details(found)), [found.run.id], lambda: show_run(found))


@accio_command
@click.argument("run")
@limited("Show at most N; 1000 by default.", 1000)
def events(session: Session, run: str, *, limit: int) -> None:
    """Show what happened to a run, oldest first."""
    with session.client() as client:
        found = client.events(run, limit=limit)
    content = document({"events": [event(each) for each in found]})
    session.answer(content, dict.fromkeys(each.run for each in found), lambda: _show_events(found))


def _show_events(found: Sequence[EventView]) -> None:
    rows = [
        (local_time(each.at), each.kind, each.run, each.node or "", each.attempt or "", each.detail) for each in found
    ]
    table(("at", "event", "run", "node", "attempt", "detail"), rows)
