"""`accio describe run RUN`"""

import click

from accio_client.cli.runs_shown import show_run
from accio_client.cli.session import Session, accio_command
from accio_client.documents import document, run_details


@accio_command
@click.argument("run")
def command(session: Session, run: str) -> None:
    """Show a single run, a parent or a child: RUN is an id or an unambiguous beginning of one."""
    with session.client() as client:
        found = client.get_run(run)
    session.answer(document(run_details(found)), [found.run.id], lambda: show_run(found))
