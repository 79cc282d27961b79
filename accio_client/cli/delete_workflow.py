"""`accio delete workflow ID…`"""

import click

from accio.domain.ids import RunId
from accio.errors import FailedPrecondition, NotFound
from accio_client.cli.outcomes import tell
from accio_client.cli.session import Session, accio_command
from accio_client.views import RunOutcome


@accio_command
@click.argument("workflows", nargs=-1, required=True, metavar="ID...")
def command(session: Session, workflows: tuple[str, ...]) -> int:
    """Delete workflows with all their versions; one that has runs can't be deleted."""
    found: list[RunOutcome] = []
    with session.client() as client:
        for workflow in workflows:
            problem: str | None = None
            try:
                client.delete_workflow(workflow)
            except (NotFound, FailedPrecondition) as error:
                problem = error.message
            found.append(RunOutcome(id=RunId(workflow), changed=problem is None, error=problem))
    return tell(session, found, "deleted", "was deleted already", of="workflows")
