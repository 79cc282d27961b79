"""`accio gc`"""

import re

import click

from accio_client.cli.session import Session, accio_command, table
from accio_client.cli.text import size
from accio_client.documents import document, garbage
from accio_client.views import GarbageView

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12} | {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", re.IGNORECASE)


@accio_command
@click.option("--dry-run/--no-dry-run", default=False, help="Only say what would be freed.")
@click.option("--quota", metavar="SIZE", help="Free down to this size (50GiB), least recently used first.")
def command(session: Session, *, dry_run: bool, quota: str | None) -> None:
    """Free stored content that nothing refers to, and say what and why."""
    with session.client() as client:
        found = client.collect_garbage(dry_run=dry_run, quota=0 if quota is None else amount(quota))
    session.answer(document(garbage(found)), (each.digest for each in found.freed), lambda: _show(found))
    session.say(f"{'would free' if found.dry_run else 'freed'} {size(found.bytes)} in {len(found.freed)} pieces")


def amount(text: str) -> int:
    """Bytes of a text such as 50GiB, 1.5 MB or 4096; a quota of nothing is one byte, for 0 means no quota."""
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2].lower() not in _UNITS:
        raise click.UsageError(f"expected a size such as 50GiB or 500MB for -quota, found {text!r}")
    return max(1, int(float(found[1]) * _UNITS[found[2].lower()]))


def _show(found: GarbageView) -> None:
    if found.freed:
        table(("digest", "bytes", "reason"), [(each.digest, each.bytes, each.reason) for each in found.freed])
