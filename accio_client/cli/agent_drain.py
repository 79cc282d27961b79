"""`accio agent drain NAME`"""

import click

from accio_client.cli.session import Session, accio_command, out
from accio_client.documents import agent, document


@accio_command
@click.argument("name")
@click.option("--undo/--no-undo", default=False, help="Let the agent take nodes again.")
def command(session: Session, name: str, *, undo: bool) -> None:
    """Let the running nodes of an agent end, and send it no more."""
    with session.client() as client:
        found = client.drain_agent(name, undo=undo)
    content = document({"agent": agent(found)})
    session.answer(content, [found.name], lambda: out(f"{found.name} {found.state} ({found.running} nodes run)"))
