"""What became of each run of a kill, retry or delete: what worked goes to stdout, what didn't to stderr (exit 1)."""

from collections.abc import Sequence

from accio.exits import SUCCESS, USAGE
from accio_client.cli.output import complain, out
from accio_client.cli.session import Session
from accio_client.cli.text import printable
from accio_client.documents import document, outcomes
from accio_client.views import RunOutcome


def tell(session: Session, found: Sequence[RunOutcome], done: str, unchanged: str, *, of: str = "runs") -> int:
    """Print the outcomes; return the exit code.

    *done* and *unchanged* say what became of those that worked, *of* what the document lists.
    """
    failed = [each for each in found if each.error is not None]
    worked = [each for each in found if each.error is None]
    content = document({of: outcomes(found)["runs"]})
    session.answer(content, (each.id for each in worked), lambda: _show(worked, done, unchanged))
    for each in failed:
        error = each.error or ""
        complain(f"accio: {error}" if each.id in error else f"accio: {each.id}: {error}")
    return USAGE if failed else SUCCESS


def _show(worked: Sequence[RunOutcome], done: str, unchanged: str) -> None:
    for each in worked:
        out(f"{printable(each.id)} {done if each.changed else unchanged}")
