"""`accio kill RUN…`"""

import click

from accio_client.cli.outcomes import tell
from accio_client.cli.session import Session, accio_command


@accio_command
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
def command(session: Session, runs: tuple[str, ...]) -> int:
    """Stop runs. Killing a parent stops all of its children; what has ended stays as it is."""
    with session.client() as client:
        found = client.kill(runs)
    return tell(session, found, "killed", "had ended already")
