"""The memo and the store: `accio cache ls|stats|rm`, `gc`."""

import re

import click

from accio.domain.sizes import size
from accio_client.cli.output import out, table
from accio_client.cli.session import Session, accio_command
from accio_client.cli.text import local_time, ranged
from accio_client.documents import cache, document, garbage, hit_rate
from accio_client.views import CacheStatisticsView, CacheView, GarbageView


@accio_command
@click.option("--operator", metavar="NAME", help="Only results of this operator.")
def ls(session: Session, *, operator: str | None) -> None:
    """List memoized results, newest first (at most 1,000)."""
    with session.client() as client:
        found = client.cache(operator=operator, entries=True)
    session.answer(document(cache(found)), (each.key for each in found.entries), lambda: _show_entries(found))


def _show_entries(found: CacheView) -> None:
    rows = [
        (each.key, each.operator, each.source, local_time(each.computed_at), size(each.bytes)) for each in found.entries
    ]
    table(("key", "operator", "from", "computed", "size"), rows)


@accio_command
@click.option("--operator", metavar="NAME", help="Only this operator.")
def stats(session: Session, *, operator: str | None) -> None:
    """Show, by operator, how many results are memoized, how large they are, and how often they were used."""
    with session.client() as client:
        found = client.cache(operator=operator)
    session.answer(document(cache(found)), (each.operator for each in found.operators), lambda: _show_statistics(found))


def _show_statistics(found: CacheView) -> None:
    rows = [
        (each.operator, each.results, size(each.bytes), each.hits, each.misses, _rate(each), _saved(each))
        for each in found.operators
    ]
    table(("operator", "results", "size", "hits", "misses", "hit rate", "saved"), rows)


def _saved(found: CacheStatisticsView) -> str:
    """Return about how long the hits would have taken."""
    if not found.saved_s:
        return ""
    told = ranged(found.saved_s, found.saved_s)
    return f"~{told}" if told[0].isdigit() else told


def _rate(found: CacheStatisticsView) -> str:
    rate = hit_rate(found)
    return "" if rate is None else f"{rate:.1%}"


@accio_command
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--operator", "operators", multiple=True, metavar="NAME", help="All results of this operator.")
def rm(session: Session, keys: tuple[str, ...], *, operators: tuple[str, ...]) -> None:
    """Invalidate memoized results, by key (`accio cache ls` has them) or by operator. Runs keep their results."""
    if not keys and not operators:
        raise click.UsageError("nothing to invalidate: give keys, or -operator=NAME")
    with session.client() as client:
        removed = sum(client.remove_from_cache(key=key) for key in keys)
        removed += sum(client.remove_from_cache(operator=operator) for operator in operators)
    session.answer(document({"removed": removed}), [], lambda: out(f"{removed} results invalidated"))


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12} | {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", re.IGNORECASE)


@accio_command
@click.option("--dry-run/--no-dry-run", default=False, help="Only say what would be freed.")
@click.option("--quota", metavar="SIZE", help="Free down to this size (50GiB), least recently used first.")
def gc(session: Session, *, dry_run: bool, quota: str | None) -> None:
    """Free stored content that nothing refers to, and say what and why."""
    with session.client() as client:
        found = client.collect_garbage(dry_run=dry_run, quota=0 if quota is None else amount(quota))
    session.answer(document(garbage(found)), (each.digest for each in found.freed), lambda: _show_freed(found))
    session.say(f"{'would free' if found.dry_run else 'freed'} {size(found.bytes)} in {len(found.freed)} pieces")


def amount(text: str) -> int:
    """Return bytes of a text such as 50GiB, 1.5 MB or 4096; a quota of nothing is one byte, for 0 means no quota."""
    found = _AMOUNT.fullmatch(text)
    if found is None or found[2].lower() not in _UNITS:
        raise click.UsageError(f"expected a size such as 50GiB or 500MB for -quota, found {text!r}")
    return max(1, int(float(found[1]) * _UNITS[found[2].lower()]))


def _show_freed(found: GarbageView) -> None:
    if found.freed:
        table(("digest", "size", "reason"), [(each.digest, size(each.bytes), each.reason) for each in found.freed])
