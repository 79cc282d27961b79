"""What a command acts on: the runs that were named, or what a query selects, shown before it is touched."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import click

from accio_client.calls.selecting import selections
from accio_client.cli.text import printable
from accio_client.clock import now

if TYPE_CHECKING:
    from accio.domain.states import RunState
    from accio_client.cli.session import Session
    from accio_client.sync import Client
    from accio_client.views import RunView

F = TypeVar("F", bound=Callable[..., object])

WHERE = "Everything that matches (docs/queries.md): of runs, or with RUN... of their children."
_SHOWN = 5


def where_options(function: F) -> F:
    """Add `-where` and `-yes` to a command that acts."""
    function = click.option("--yes/--no-yes", default=False, help="Don't ask; for scripts.")(function)
    return click.option("--where", metavar="QUERY", default="", help=WHERE)(function)


def where_option(function: F) -> F:
    """Add `-where` to a command that reads."""
    return click.option("--where", metavar="QUERY", default="", help=WHERE)(function)


def chosen(
    session: Session,
    client: Client,
    runs: Sequence[str],
    where: str,
    verb: str,
    *,
    yes: bool,
    of_runs: Sequence[RunState] = (),
    of_children: Sequence[RunState] = (),
) -> Sequence[str]:
    """Return the ids to act on: *runs*, or what the query selects now, which is shown and asked about first."""
    if not where:
        require_runs(runs, verb)
        return runs
    found = selected(session, client, runs, where, of_runs=of_runs, of_children=of_children)
    if not found:
        states = (of_children if runs else of_runs) and " in a state in which that is possible"
        session.say(f"no {'child' if runs else 'run'} matches{states or ''}: nothing done")
    elif not yes:
        _show(session, found, verb, children=bool(runs))
        _ask(len(found), verb)
    return [run.id for run in found]


def selected(
    session: Session,
    client: Client,
    runs: Sequence[str],
    where: str,
    *,
    of_runs: Sequence[RunState] = (),
    of_children: Sequence[RunState] = (),
) -> list[RunView]:
    """Return what a query selects now: of all runs, or with *runs* of their children."""
    if not runs:
        warn_of_fields(session, where)
    lists = selections(runs, where, of_runs=of_runs, of_children=of_children)
    return [run for wanted in lists for run in client.iterate_runs(wanted)]


def require_runs(runs: Sequence[str], verb: str) -> None:
    """Refuse a command that names nothing to act on."""
    if not runs:
        raise click.UsageError(
            f"nothing to {verb}: give RUN..., or -where=QUERY for every run that matches (docs/queries.md)"
        )


def _show(session: Session, found: Sequence[RunView], verb: str, *, children: bool) -> None:
    what = "child" if children else "run"
    count = f"1 {what}" if len(found) == 1 else f"{len(found):,} {'children' if children else 'runs'}"
    session.say(f"would {verb} {count}:")
    for run in islice(found, _SHOWN):
        told = run.label if children else " ".join(filter(None, (run.workflow_id, run.name)))
        session.say(f"  {run.id}  {run.state.value}  {printable(told)}")
    if len(found) > _SHOWN:
        session.say(f"  and {len(found) - _SHOWN:,} more")


def _ask(count: int, verb: str) -> None:
    """Ask on a terminal; elsewhere one run is what was meant, and several need `-yes`."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        if not click.confirm(f"{verb} {'it' if count == 1 else f'these {count:,}'}?", err=True):
            raise click.ClickException("nothing was touched")
    elif count > 1:
        raise click.ClickException(
            f"nothing was touched: a query that means {count:,} needs a yes, and there is no terminal to ask at; "
            "give -yes if these are the right ones"
        )


def warn_of_fields(session: Session, where: str) -> None:
    """Say which names in a query over runs were probably meant otherwise."""
    from accio.domain.filters import RUN_FIELDS, Context, FilterProblem, read_query

    try:
        checked = read_query(where, Context(fields=RUN_FIELDS, now_ms=int(now().timestamp() * 1000)))
    except FilterProblem:  # the daemon tells
        return
    for warning in checked.warnings:
        session.say(f"warning: {warning}")
