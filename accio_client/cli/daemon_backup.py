"""`accio daemon backup FILE`"""

from pathlib import Path

import click

from accio_client.cli.session import Session, accio_command, out
from accio_client.cli.text import size
from accio_client.documents import document


@accio_command
@click.argument("file")
def command(session: Session, file: str) -> None:
    """Copy the database of the running daemon to FILE on its machine, consistently and while it is in use."""
    with session.client() as client:
        found = client.backup(str(Path(file).absolute()))
    content = document({"path": found.path, "bytes": found.bytes})
    session.answer(content, [found.path], lambda: out(f"{found.path} ({size(found.bytes)})"))
