"""`accio get events RUN`"""

from collections.abc import Sequence

import click

from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import local_time
from accio_client.documents import document, event
from accio_client.views import EventView


@accio_command
@click.argument("run")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=1000, metavar="N", help="At most so many; 1000 by default."
)
def command(session: Session, run: str, *, limit: int) -> None:
    """Show what happened to a run, oldest first."""
    with session.client() as client:
        found = client.events(run, limit=limit)
    content = document({"events": [event(each) for each in found]})
    session.answer(content, dict.fromkeys(each.run for each in found), lambda: _show(found))


def _show(found: Sequence[EventView]) -> None:
    rows = [
        (local_time(each.at), each.kind, each.run, each.node or "", each.attempt or "", each.detail) for each in found
    ]
    table(("at", "event", "run", "node", "attempt", "detail"), rows)
