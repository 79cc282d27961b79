"""Owners: `accio get owners`, `accio get usage`, and `accio cap`."""

from collections.abc import Callable, Sequence

import click

from accio.domain.caps import EVERYBODY, MOST_NODES, Cap
from accio.domain.problems import ValueProblem
from accio.domain.resources import cpus_json, parse_cpus
from accio.errors import BadRequest
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.times import point_in_time
from accio_client.documents import document
from accio_client.documents.owners import cap_change, owners
from accio_client.documents.owners import usage as usage_document
from accio_client.views import CapView, OwnersView, OwnerView, PersonView, UsageReport, UsageView


@accio_command
def get(session: Session) -> None:
    """List whose work there is: what is queued, what is at agents, and how much of it may be there at a time.

    Nodes at agents are those that are executed, and those that wait there for their turn. LATELY are the core-hours
    that an owner used, half of which count after each day; where the daemon is fair, who has least is served first.
    """
    with session.client() as client:
        found = client.list_owners()
    keys = (each.owner.email or each.owner.name for each in found.owners)
    session.answer(document(owners(found)), keys, lambda: _show(found))
    if found.everybody is not None:
        session.say(f"who has no cap of their own may have {found.everybody} at agents at a time")


def _show(found: OwnersView) -> None:
    rows = [
        (
            _person(each.owner),
            each.runs,
            each.queued,
            each.nodes,
            cpus_json(each.milli_cpus),
            _hours(each.lately),
            _cap_of(each),
        )
        for each in found.owners
    ]
    table(("owner", "runs", "queued", "at agents", "cpus", "lately", "cap"), rows)


def _cap_of(found: OwnerView) -> str:
    """Return the cap that counts for somebody, and one of his own that doesn't now."""
    counts = "" if found.cap is None else f"{found.cap}{'' if found.own_cap else f', as {EVERYBODY}'}"
    other = "" if found.other_times is None else f"not now: {found.other_times}"
    return "; ".join(each for each in (counts, other) if each)


def _person(found: PersonView) -> str:
    return f"{found.name} <{found.email}>" if found.name and found.email else found.email or found.name


_BY = ("owner", "pool", "day", "month")


@accio_command
@click.option(
    "--by", default="owner", show_default=True, metavar="LIST", help="Tell apart by owner, pool, and day or month."
)
@click.option(
    "--since", metavar="TIME|SPAN", default="", help="What was over at or after 2026-11-01T00:00:00Z, or 7d ago."
)
@click.option("--until", metavar="TIME|SPAN", default="", help="And before this time, or so long ago.")
def usage(session: Session, *, by: str, since: str, until: str) -> None:
    """Report what nodes used of agents: how many there were, and the hours of CPUs and GPUs reserved for them.

    It counts when it is over, whatever came of it, by whole hours in UTC, for whom it was executed; what comes from the
    cache uses nothing. A run that is deleted has used what it used.
    """
    wanted = [each.strip() for each in by.split(",")]
    if unknown := [each for each in wanted if each not in _BY]:
        raise BadRequest(f"-by: expected any of {', '.join(_BY)}, separated by commas, found {unknown[0]!r}")
    with session.client() as client:
        found = client.usage(by=wanted, since=point_in_time(since, "-since"), until=point_in_time(until, "-until"))
    names = (each.owner or each.pool or each.period for each in found.usage)
    session.answer(document(usage_document(found)), names, lambda: _show_usage(found, wanted))


def _show_usage(found: UsageReport, by: Sequence[str]) -> None:
    told: dict[str, Callable[[UsageView], str]] = {}
    if "day" in by or "month" in by:
        told["day" if "day" in by else "month"] = lambda each: each.period
    if "owner" in by:
        told["owner"] = lambda each: each.owner
    if "pool" in by:
        told["pool"] = lambda each: each.pool or "(none)"
    rows = [
        (*(value(each) for value in told.values()), each.nodes, _hours(each.core_hours), _hours(each.gpu_hours))
        for each in found.usage
    ]
    table((*told, "nodes", "core-hours", "gpu-hours"), rows)


def _hours(hours: float) -> str:
    return f"{hours:,.2f}" if hours >= 1 or not hours else f"{hours:.2g}"


@accio_command
@click.argument("owner", metavar=f"OWNER|{EVERYBODY}")
@click.option("--nodes", type=click.IntRange(0, MOST_NODES), metavar="N", help="At most N nodes at agents at a time.")
@click.option("--cpus", metavar="N", help="At most nodes that need N CPUs together.")
@click.option("--during", metavar="TIMES", default="", help="Only at these times: 'Mon-Fri 08:00-18:00 Europe/Berlin'.")
@click.option("--none/--no-none", "nothing", default=False, help="Take the cap away.")
def cap(session: Session, *, owner: str, nodes: int | None, cpus: str | None, during: str, nothing: bool) -> None:
    """Set how much of an owner's work may be at agents at a time; for administrators.

    OWNER is an address or a name; the cap of `everybody` counts for each of those who have none of their own. It
    replaces the one before as a whole. What runs goes on; no more begins until there is less of it than the cap allows.

    TIMES are days, hours or both, several with commas between, in UTC unless a time zone stands behind them; at other
    times the cap of `everybody` counts, or none.
    """
    if nothing == (nodes is not None or cpus is not None):
        raise BadRequest("expected -nodes, -cpus or both, or -none to take the cap away")
    if nothing and during:
        raise BadRequest("expected -during with -nodes or -cpus: without a cap, there are no times at which it counts")
    with session.client() as client:
        changed = client.change_cap(owner, nodes=nodes, cpus=None if cpus is None else _cpus(cpus), during=during)
    session.answer(document(cap_change(changed)), [changed.owner], lambda: out(_said(changed)))


def _cpus(text: str) -> float:
    try:
        return parse_cpus(text) / 1000
    except ValueProblem as problem:
        raise BadRequest(f"-cpus: {problem.message}") from None


def _said(changed: CapView) -> str:
    limit: Cap | None = changed.cap
    if limit is None:
        return f"{changed.owner} has no cap any more"
    whose = "everybody without a cap of their own" if changed.owner == EVERYBODY else changed.owner
    return f"{whose} may have {limit} at agents at a time"
