"""`accio validate FILE…`"""

from typing import TYPE_CHECKING

import click

from accio.domain.documents import parse_document
from accio.errors import InvalidDefinition
from accio_client.cli.definitions import Source, read_file
from accio_client.cli.exits import INVALID, SUCCESS
from accio_client.cli.push import default_id
from accio_client.cli.session import Session, accio_command, complain, describe_issues, out
from accio_client.documents import document, validation

if TYPE_CHECKING:
    from accio_client.sync import Client
    from accio_client.views import Validation


@accio_command
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(session: Session, files: tuple[str, ...]) -> int:
    """Check workflow files and run files against what the cluster knows, and store nothing.

    A file with the key `graph` is a workflow, one with the key `workflow` is a run.
    """
    sources = [read_file(name) for name in files]
    with session.client() as client:
        results = [(source, _checked(client, source)) for source in sources]
    for source, found in results:
        if found.errors:
            complain(describe_issues(found.errors, source.name, source.text))
        session.warn(found.warnings, source.name)
    if len(results) == 1:
        content = validation(results[0][1])
    else:
        listed = [{"file": source.name, **validation(found)} for source, found in results]
        content = {"valid": all(found.valid for _, found in results), "files": listed}
    good = [source.name for source, found in results if found.valid]
    session.answer(document(content), good, lambda: out("\n".join(f"{name}: valid" for name in good)) if good else None)
    return SUCCESS if len(good) == len(results) else INVALID


def _checked(client: "Client", source: Source) -> "Validation":
    if is_run(source):
        return client.validate(source.text, base_path=source.base_path)
    return client.validate_workflow(source.text, default_id=default_id(source.name), base_path=source.base_path)


def is_run(source: Source) -> bool:
    """Whether the file is meant to be a run; what can't be read is checked as a workflow, and refused as one."""
    try:
        keys = parse_document(source.text).keys()
    except InvalidDefinition:
        return False
    return "workflow" in keys and "graph" not in keys
