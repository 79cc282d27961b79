"""Pools: `accio pool get|why|pause|resume|scale`, and `accio get allocations`."""

from collections.abc import Iterator, Sequence

import click

from accio.errors import BadRequest
from accio_client.cli.operators import shown_resources
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command, limited
from accio_client.cli.text import local_time, printable
from accio_client.clock import now
from accio_client.documents import document
from accio_client.documents.pools import allocation, pool
from accio_client.views import AllocationView, PoolView

_AS_FILE = "auto"


@accio_command
def get(session: Session) -> None:
    """List pools in order of preference: their hosts, how many of them there are, and how many there may be."""
    with session.client() as client:
        found = client.list_pools()
    content = document({"pools": [pool(each) for each in found.pools], "unservable": list(found.unservable)})
    session.answer(content, (each.name for each in found.pools), lambda: _show_pools(found.pools))
    if not found.pools:
        session.say("there are no pools; `accio pool serve pools.json` serves those of a file")


def _show_pools(found: Sequence[PoolView]) -> None:
    rows = [
        (
            each.name,
            each.state,
            each.provider,
            shown_resources(each.offers or each.host),
            "" if each.walltime is None else _time(each.walltime),
            _counts(each),
            each.kept,
            each.most,
        )
        for each in found
    ]
    table(("pool", "state", "provider", "host", "walltime", "allocations", "kept", "max"), rows)


def _counts(found: PoolView) -> str:
    return ", ".join(f"{count} {state}" for state, count in found.allocations.items()) or "none"


def _time(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:g} s"
    return f"{minutes:g} min" if minutes < 120 else f"{minutes / 60:g} h"


@accio_command
@click.argument("name", required=False)
def why(session: Session, name: str | None) -> None:
    """Explain why each pool, or the one named NAME, has as many hosts as it has, and what waits that none can serve."""
    with session.client() as client:
        found = client.list_pools()
    pools = [each for each in found.pools if name in (None, each.name)]
    if name is not None and not pools:
        known = ", ".join(each.name for each in found.pools) or "none"
        raise BadRequest(f"there is no pool {name!r}; known pools: {known}")
    content = document({"pools": [pool(each) for each in pools], "unservable": list(found.unservable)})
    session.answer(content, (each.name for each in pools), lambda: _explain(pools, found.unservable))


def _explain(pools: Sequence[PoolView], unservable: Sequence[str]) -> None:
    for each in pools:
        out(f"{each.name} is {each.state}, with {_counts(each)} of at most {each.most}")
        for line in (*_only(each), *each.decision, *((f"the last failure: {each.problem}",) if each.problem else ())):
            out(f"  {printable(line)}")
    for line in unservable:
        out(printable(line))


def _only(found: PoolView) -> Iterator[str]:
    """Yield when, and for what, hosts of a pool are asked for, and what they used, where that is limited."""
    if found.during:
        yield f"hosts are asked for during {found.during}"
    for each in found.maintenance:
        if each.ends_at is not None and each.ends_at <= now():
            continue
        yield f"there are none from {local_time(each.begins_at)} to {local_time(each.ends_at)}: {printable(each.name)}"
    if found.operators:
        yield f"its hosts take only nodes of {', '.join(found.operators)}"
    if found.owners:
        yield f"its hosts take only nodes of runs of {', '.join(found.owners)}"
    limits = [(found.budget_day, "core-hours a day"), (found.budget_total, "core-hours")]
    said = [f"{limit:,g} {unit}" for limit, unit in limits if limit is not None]
    if said:
        yield f"its budget is {' and '.join(said)}; hosts that are over used {found.used:,.1f} core-hours in all"


@accio_command
@click.argument("name")
def pause(session: Session, name: str) -> None:
    """Ask for no more hosts of a pool; those that are there, or wait at the engine, stay."""
    _change(session, name, paused=True)


@accio_command
@click.argument("name")
def resume(session: Session, name: str) -> None:
    """Ask for hosts of a pool again, also where it backs off after failures."""
    _change(session, name, paused=False)


@accio_command
@click.argument("name")
@click.argument("number", metavar=f"N|{_AS_FILE}")
def scale(session: Session, name: str, number: str) -> None:
    """Keep N hosts of a pool, whatever is queued, until told otherwise; `auto` keeps as many as its file says."""
    if number == _AS_FILE:
        _change(session, name, kept=_AS_FILE)
        return
    if not (number.isascii() and number.isdigit()):
        raise BadRequest(f"expected a number of hosts, or {_AS_FILE}, found {number!r}")
    _change(session, name, kept=int(number))


def _change(session: Session, name: str, *, paused: bool | None = None, kept: int | str | None = None) -> None:
    with session.client() as client:
        found = client.change_pool(name, paused=paused, kept=kept)
    content = document({"pool": pool(found)})
    session.answer(
        content, [found.name], lambda: out(f"{found.name} {found.state}, keeps {found.kept} of at most {found.most}")
    )


@accio_command
@click.option("--pool", "of", metavar="NAME", help="Only those of this pool.")
@click.option("--live/--no-live", default=False, help="Only those that haven't ended.")
@limited("List at most N allocations; 50 by default.", 50)
@click.option("--cursor", help="Where an earlier page said that the next begins.")
def allocations(session: Session, *, of: str | None, live: bool, limit: int, cursor: str | None) -> None:
    """List the hosts that pools asked their engines for, newest first, and what became of each."""
    with session.client() as client:
        page = client.list_allocations(pool=of, live=live, limit=limit, cursor=cursor)
    content = document({"allocations": [allocation(each) for each in page.allocations], "next": page.next})
    session.answer(content, (str(each.number) for each in page.allocations), lambda: _show(page.allocations))
    if page.next is not None:
        again = session.hint(f"get allocations --cursor={page.next}", like_this=True, without={"cursor"})
        session.say(f"more: {again}")


def _show(found: Sequence[AllocationView]) -> None:
    rows = [
        (
            each.number,
            each.pool,
            f"{each.state}, given up" if each.cancelling and each.ended_at is None else each.state,
            each.job,
            each.host,
            each.agent or "",
            local_time(each.requested_at),
            local_time(each.began_at),
            local_time(each.ended_at),
            each.reason,
        )
        for each in found
    ]
    table(("no", "pool", "state", "job", "host", "agent", "requested", "began", "ended", "reason"), rows)
