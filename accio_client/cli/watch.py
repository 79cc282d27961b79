"""`accio watch RUN`"""

import click

from accio_client.cli.exits import NOT_SUCCESS, SUCCESS
from accio_client.cli.following import follow
from accio_client.cli.session import Session, accio_command, out
from accio_client.documents import document, run


@accio_command
@click.argument("identifier", metavar="RUN")
def command(session: Session, identifier: str) -> int:
    """Follow a run until it has ended; exit 3 if not in success. Ctrl-C stops following, not the run."""
    with session.client() as client:
        ended, _ = follow(session, client.watch(identifier))
    content = document({"run": run(ended)})
    session.answer(content, [ended.id], lambda: out(f"{ended.id} {ended.state.value}"))
    return SUCCESS if ended.state.value == "success" else NOT_SUCCESS
