"""`accio agent remove NAME`"""

import click

from accio_client.cli.session import Session, accio_command, out
from accio_client.documents import document


@accio_command
@click.argument("name")
def command(session: Session, name: str) -> None:
    """Forget an agent that isn't connected; nodes that only it could take fail, or wait for another."""
    with session.client() as client:
        client.remove_agent(name)
    session.answer(document({"removed": name}), [name], lambda: out(f"{name} forgotten"))
