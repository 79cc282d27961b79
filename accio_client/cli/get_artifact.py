"""`accio get artifact RUN/NODE/PORT`"""

from pathlib import Path

import click

from accio_client.cli import places_in_runs
from accio_client.cli.session import Session, accio_command, out
from accio_client.cli.text import printable, size
from accio_client.documents import document


@accio_command
@click.argument("place", metavar="RUN/NODE/PORT")
@click.option("--out", "folder", metavar="FOLDER", default=".", help="Where to put it; the working folder by default.")
def command(session: Session, place: str, *, folder: str) -> None:
    """Fetch an output of a node as FOLDER/NODE-PORT: a dataset as files, any other value as NODE-PORT.json."""
    run, node, port = places_in_runs.artifact(place)
    with session.client() as client:
        target, length = client.fetch_artifact(run, node, port, Path(folder))
    content = document({"path": str(target), "bytes": length})
    session.answer(content, [str(target)], lambda: out(f"{printable(str(target))} ({size(length)})"))
