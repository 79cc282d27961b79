"""Windows of agents: `accio window add|get|remove`."""

from collections.abc import Sequence
from datetime import datetime

import click

from accio.errors import BadRequest
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import local_time, printable
from accio_client.cli.times import point_in_time
from accio_client.clock import now
from accio_client.documents import document, window
from accio_client.views import WindowView


@accio_command
@click.argument("name")
@click.option(
    "--from", "begins", metavar="TIME|SPAN", default="", help="When it begins; now, unless a time or span is given."
)
@click.option("--to", "ends", metavar="TIME|SPAN", required=True, help="When it is over.")
@click.option("--agents", metavar="LIST", default="", help="Of these agents alone: lab1,gpu*; of all by default.")
def add(session: Session, name: str, *, begins: str, ends: str, agents: str) -> None:
    """Announce a time at which nothing begins at agents, such as a day on which they are mended; for administrators.

    Before it, no node begins there that is known to take longer. What runs when it begins goes on, and a node that its
    agent loses by then counts as never begun. Afterwards the agents get nodes again.

    TIME is 2027-01-12T08:00+01:00, SPAN a time from now on such as 90m or 2d. LIST are names of agents, or patterns of
    names; agents that come later count, too.
    """
    begins_at = point_in_time(begins, "-from", ahead=True) or now().replace(microsecond=0)
    ends_at = point_in_time(ends, "-to", ahead=True)
    if ends_at is None:
        raise BadRequest("-to: expected when the window is over, as in 2027-01-12T08:00+01:00 or 2h, found nothing")
    if begins_at >= ends_at:
        raise BadRequest(
            f"expected -from before -to, found {local_time(begins_at)} and {local_time(ends_at)}: exchange them"
        )
    names = [each.strip() for each in agents.split(",")] if agents else []
    with session.client() as client:
        made = client.add_window(name, begins_at=begins_at, ends_at=ends_at, agents=names)
    content = document({"window": window(made.window), "warnings": list(made.warnings)})
    session.answer(content, [made.window.name], lambda: out(_said(made.window)))
    for each in made.warnings:
        session.say(f"note: {printable(each)}")


def _said(found: WindowView) -> str:
    times = f"from {local_time(found.begins_at)} to {local_time(found.ends_at)}"
    return f"nothing begins at {_agents(found)} {times}: {printable(found.name)}"


def _agents(found: WindowView) -> str:
    return printable(", ".join(found.agents)) or "any agent"


@accio_command
def get(session: Session) -> None:
    """List the times at which nothing begins at agents: those to come, and those of the last seven days."""
    with session.client() as client:
        found = client.list_windows()
    content = document({"windows": [window(each) for each in found]})
    session.answer(content, (each.name for each in found), lambda: _show(found))


def _show(found: Sequence[WindowView]) -> None:
    at = now()
    rows = [
        (
            each.name,
            _state(each, at),
            local_time(each.begins_at),
            local_time(each.ends_at),
            ", ".join(each.agents) or "all",
        )
        for each in found
    ]
    table(("name", "state", "from", "to", "agents"), rows)


def _state(found: WindowView, at: datetime) -> str:
    if found.ends_at is None or found.ends_at <= at:
        return "over"
    return "on" if found.begins_at is None or found.begins_at <= at else "ahead"


@accio_command
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(session: Session, names: tuple[str, ...]) -> None:
    """Remove windows: their agents get nodes again, unless another window lasts; for administrators."""
    with session.client() as client:
        for each in names:
            client.remove_window(each)
    session.answer(document({"removed": list(names)}), names, lambda: _show_removed(names))


def _show_removed(names: Sequence[str]) -> None:
    for each in names:
        out(f"there is no window {printable(each)} any more")
