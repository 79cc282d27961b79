"""`accio get operators`"""

from collections.abc import Sequence

from accio_client.cli.session import Session, accio_command, table
from accio_client.documents import document, operator
from accio_client.views import OperatorView


@accio_command
def command(session: Session) -> None:
    """List every operator that an agent ever offered."""
    with session.client() as client:
        found = client.list_operators()
    content = document({"operators": [operator(each) for each in found]})
    session.answer(content, (each.name for each in found), lambda: _show(found))


def _show(found: Sequence[OperatorView]) -> None:
    rows = [(each.name, each.category, _remarks(each), each.help.split("\n")[0]) for each in found]
    table(("name", "category", "remarks", "help"), rows)


def _remarks(found: OperatorView) -> str:
    """What a user of the operator should know about it."""
    remarks = ["unstable"] if found.unstable else []
    if found.deprecated:
        remarks.append(f"deprecated: {found.deprecated}")
    if found.uncacheable:
        remarks.append("not cached")
    return ", ".join(remarks)
