"""`accio get workflows`"""

import click

from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import local_time
from accio_client.documents import document, workflow
from accio_client.views import WorkflowView


@accio_command
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=50, metavar="N", help="At most so many; 50 by default."
)
@click.option("--all/--no-all", "everything", default=False, help="All workflows.")
def command(session: Session, *, limit: int, everything: bool) -> None:
    """List the latest version of each workflow, the one pushed last first."""
    found: list[WorkflowView] = []
    cursor: str | None = None
    with session.client() as client:
        while True:
            page = client.list_workflows(limit=1000 if everything else min(1000, limit - len(found)), cursor=cursor)
            found += page.workflows
            cursor = page.next
            if cursor is None or (not everything and len(found) >= limit):
                break
    content = document({"workflows": [workflow(each) for each in found], "next": cursor})
    session.answer(content, (each.id for each in found), lambda: _show(found))
    if cursor and not session.json:
        session.say("there are more: accio get workflows -all")


def _show(found: list[WorkflowView]) -> None:
    rows = [
        (each.id, each.version, each.versions, each.name, each.owner.name, local_time(each.created_at))
        for each in found
    ]
    table(("id", "version", "versions", "name", "owner", "created"), rows)
