"""Agents: `accio get agents`, `agent drain`, `agent remove`."""

from collections.abc import Sequence

import click

from accio_client.cli.operators import shown_resources
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import local_time
from accio_client.clock import now
from accio_client.documents import agent, document
from accio_client.views import AgentView


@accio_command
def get(session: Session) -> None:
    """List the agents that the daemon remembers: what they offer, what is reserved, how long their lease lasts."""
    with session.client() as client:
        found = client.list_agents()
    content = document({"agents": [agent(each) for each in found]})
    session.answer(content, (each.name for each in found), lambda: _show_list(found))


def _show_list(found: Sequence[AgentView]) -> None:
    restricted, windowed = any(each.owners for each in found), any(each.window for each in found)
    rows = [
        (
            each.name,
            each.state,
            *((", ".join(each.owners) or "everybody",) if restricted else ()),
            each.running,
            shown_resources(each.reserved),
            shown_resources(each.resources),
            each.operators,
            local_time(each.last_seen),
            f"{each.lease_left_ms / 1000:.1f} s" if each.lease_left_ms else "",
            *((_window(each),) if windowed else ()),
            each.reason,
        )
        for each in found
    ]
    takes = ("takes nodes of",) if restricted else ()
    shown = ("window",) if windowed else ()
    headers = (
        *("name", "state", *takes, "running", "reserved", "of", "operators", "last seen", "lease"),
        *(*shown, "reason"),
    )
    table(headers, rows, spare=("lease", "operators", "last seen"))


def _window(found: AgentView) -> str:
    """Say when nothing begins there next, or now."""
    window = found.window
    if window is None:
        return ""
    begins = "" if window.begins_at is None or window.begins_at <= now() else f"{local_time(window.begins_at)} to "
    return f"{begins or 'now, to '}{local_time(window.ends_at)}: {window.name}"


@accio_command
@click.argument("name")
@click.option("--undo/--no-undo", default=False, help="Let the agent take nodes again.")
def drain(session: Session, name: str, *, undo: bool) -> None:
    """Drain an agent: its running nodes end, and it is sent no more."""
    with session.client() as client:
        found = client.drain_agent(name, undo=undo)
    content = document({"agent": agent(found)})
    session.answer(content, [found.name], lambda: out(f"{found.name} {found.state} ({found.running} nodes run)"))


@accio_command
@click.argument("name")
def remove(session: Session, name: str) -> None:
    """Forget an agent that isn't connected; nodes that only it could take fail, or wait for another."""
    with session.client() as client:
        client.remove_agent(name)
    session.answer(document({"removed": name}), [name], lambda: out(f"{name} forgotten"))
