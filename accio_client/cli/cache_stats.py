"""`accio cache stats`"""

import click

from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import size
from accio_client.documents import cache, document, hit_rate
from accio_client.views import CacheStatisticsView, CacheView


@accio_command
@click.option("--operator", metavar="NAME", help="Only this operator.")
def command(session: Session, *, operator: str | None) -> None:
    """Show, by operator, how many results are memoized, how large they are, and how often they were used."""
    with session.client() as client:
        found = client.cache(operator=operator)
    session.answer(document(cache(found)), (each.operator for each in found.operators), lambda: _show(found))


def _show(found: CacheView) -> None:
    rows = [
        (each.operator, each.results, size(each.bytes), each.hits, each.misses, _rate(each)) for each in found.operators
    ]
    table(("operator", "results", "size", "hits", "misses", "hit rate"), rows)


def _rate(found: CacheStatisticsView) -> str:
    rate = hit_rate(found)
    return "" if rate is None else f"{rate:.1%}"
