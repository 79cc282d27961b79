"""`accio retry RUN…`"""

import click

from accio_client.cli.outcomes import tell
from accio_client.cli.session import Session, accio_command


@accio_command
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--operators",
    type=click.Choice(["pinned", "latest"]),
    default="pinned",
    help="Whether to keep the operator versions that the run pinned.",
)
def command(session: Session, runs: tuple[str, ...], *, operators: str) -> int:
    """Run again what failed, was killed or lost, with the same seeds; what succeeded is kept."""
    with session.client() as client:
        found = client.retry(runs, latest_operators=operators == "latest")
    return tell(session, found, "retried", "has nothing to retry")
