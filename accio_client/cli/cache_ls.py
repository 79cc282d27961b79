"""`accio cache ls`"""

import click

from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import local_time, size
from accio_client.documents import cache, document
from accio_client.views import CacheView


@accio_command
@click.option("--operator", metavar="NAME", help="Only results of this operator.")
def command(session: Session, *, operator: str | None) -> None:
    """List memoized results, newest first (at most 1,000)."""
    with session.client() as client:
        found = client.cache(operator=operator, entries=True)
    session.answer(document(cache(found)), (each.key for each in found.entries), lambda: _show(found))


def _show(found: CacheView) -> None:
    rows = [
        (each.key, each.operator, each.source, local_time(each.computed_at), size(each.bytes)) for each in found.entries
    ]
    table(("key", "operator", "from", "computed", "size"), rows)
