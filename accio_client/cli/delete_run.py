"""`accio delete run RUN…`"""

import click

from accio_client.cli.outcomes import tell
from accio_client.cli.session import Session, accio_command


@accio_command
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
def command(session: Session, runs: tuple[str, ...]) -> int:
    """Delete runs, stopping first what still runs. Deleting a parent deletes its children."""
    with session.client() as client:
        found = client.delete(runs)
    return tell(session, found, "deleted", "was deleted already")
