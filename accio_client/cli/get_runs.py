"""`accio get runs`"""

import sys
from datetime import datetime, timedelta
from functools import partial

import click
import orjson

from accio.domain.datatypes import TIMESTAMP
from accio.domain.states import RUN_TERMINAL, RunState
from accio.domain.values import ValueProblem, parse_text
from accio_client.cli.definitions import parameters, tag_list
from accio_client.cli.runs_shown import show_runs
from accio_client.cli.session import Session, accio_command, out
from accio_client.clock import now
from accio_client.documents import document, run_page
from accio_client.documents import run as run_document
from accio_client.from_wire import moment
from accio_client.views import RunFilter, RunPage, RunView

PAGE = 50
AT_ONCE = 1000


@accio_command
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
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help=f"At most so many; {PAGE} by default.")
@click.option("--cursor", metavar="TEXT", default="", help="Go on where the page before ended (its `next`).")
@click.option("--active/--no-active", default=False, help="Only runs that have not ended.")
@click.option("--all/--no-all", "everything", default=False, help="All runs, not only the newest.")
def command(
    session: Session,
    *,
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
    """List runs, newest first; all filters that are given must hold."""
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
        created_after=_time(since, "-since"),
        created_before=_time(until, "-until"),
    )
    if everything:
        _show_all(session, matching, cursor)
        return
    page = _fetch(session, matching, limit or PAGE, cursor)
    session.answer(
        document(run_page(page)),
        (run.id for run in page.runs),
        lambda: show_runs(page.runs, children=bool(parent)),
    )
    if page.next and not session.json:
        session.say(f"there are more: accio get runs -cursor={page.next}, or -all")


def _fetch(session: Session, matching: RunFilter, limit: int, cursor: str) -> RunPage:
    """At most *limit* runs, with as many calls as that takes."""
    runs: list[RunView] = []
    with session.client() as client:
        while True:
            page = client.list_runs(matching, limit=min(AT_ONCE, limit - len(runs)), cursor=cursor or None)
            runs += page.runs
            cursor = page.next or ""
            if not cursor or len(runs) >= limit:
                return RunPage(runs=tuple(runs), total=page.total, next=page.next)


def _show_all(session: Session, matching: RunFilter, cursor: str) -> None:
    """Every run that matches, page after page: a sweep may have more children than there is memory."""
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
    """The states that are wanted; none means all."""
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


def _time(text: str, option: str) -> datetime | None:
    """A time, or a span before now such as 90s, 3h or 2d."""
    if not text:
        return None
    from accio.domain.datatypes import DURATION

    try:
        return moment(parse_text(TIMESTAMP, text).epoch_ms)
    except ValueProblem as problem:
        try:
            return now() - timedelta(milliseconds=parse_text(DURATION, text).ms)
        except (ValueProblem, OverflowError):
            raise click.UsageError(
                f"{option}: {problem.message}; a span before now is fine too: 90s, 3h, 2.days"
            ) from None
