"""`accio push FILE…`"""

from pathlib import Path

import click

from accio.errors import BadRequest, InvalidDefinition, NotFound
from accio_client.cli.definitions import Source, read_file
from accio_client.cli.exits import INVALID, SUCCESS, USAGE
from accio_client.cli.session import Document, Session, accio_command, complain, describe_issues, out
from accio_client.documents import document, issues, pushed
from accio_client.file_names import readable
from accio_client.views import Pushed


@accio_command
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(session: Session, files: tuple[str, ...]) -> int:
    """Store each FILE as a version of a workflow.

    A file that can't be stored doesn't keep the others from being stored.
    """
    done: list[Pushed] = []
    refused: list[Document] = []
    code = SUCCESS
    with session.client() as client:
        for file in files:
            source: Source | None = None
            name = readable(file)
            try:
                source = read_file(file)
                found = client.push(source.text, default_id=default_id(name), base_path=source.base_path)
            except InvalidDefinition as error:
                code = INVALID
                complain(describe_issues(error.issues, name, source.text if source else b""))
                errors, warnings = issues(error.issues), issues(error.warnings)
                refused.append({"file": name, "valid": False, "errors": errors, "warnings": warnings})
            except (BadRequest, NotFound) as error:
                code = max(code, USAGE)
                complain(f"accio: {error.message}")
            else:
                done.append(found)
                session.warn(found.warnings, name)
    session.answer(_document(done, refused), (each.workflow.id for each in done), lambda: _show(done))
    return code


def default_id(file: str) -> str:
    """The id that a file without one gives: its name without the extension."""
    return Path(file).stem


def _document(done: list[Pushed], refused: list[Document]) -> Document:
    """What was stored, and (as `validate` says it) why the rest was not."""
    content = document(pushed(done))
    if refused:
        content |= {"valid": False, "errors": [issue for each in refused for issue in each["errors"]]}
        content["files"] = refused
    return content


def _show(done: list[Pushed]) -> None:
    for each in done:
        verb = "pushed" if each.created else "unchanged"
        out(f"{verb} {each.workflow.id}:{each.workflow.version}")
