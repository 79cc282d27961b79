"""`accio update RUN`"""

import click

from accio_client.cli.definitions import tag_list
from accio_client.cli.session import Session, accio_command, out
from accio_client.documents import document, run


@accio_command
@click.argument("identifier", metavar="RUN")
@click.option("--name", help="The new name; an empty one clears it.")
@click.option("--notes", help="The new notes; empty ones clear them.")
@click.option("--tags", metavar="TAG,TAG...", help="The new tags, instead of the old ones; an empty list clears them.")
def command(session: Session, identifier: str, *, name: str | None, notes: str | None, tags: str | None) -> None:
    """Edit the metadata of a run in any state. A child shows its parent's: editing it edits the parent."""
    if name is None and notes is None and tags is None:
        raise click.UsageError("nothing to change: give -name, -notes or -tags")
    with session.client() as client:
        found = client.update(identifier, name=name, notes=notes, tags=None if tags is None else tag_list(tags))
    content = document({"runs": [{"id": found.run.id, "changed": found.changed, "run": run(found.run)}]})
    changed = "updated" if found.changed else "was so already"
    session.answer(content, [found.run.id], lambda: out(f"{found.run.id} {changed}"))
